// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The `kprobe` strategy: a kretprobe on each system call of the table. Works on every kernel that has
 * kprobes. There is no probe at the entry: the arguments are read from the registers that the kernel
 * saved when the call began.
 */
#include "emit.bpf.h"
#include "gather.bpf.h"
#include "hook.bpf.h"
#include "identify.bpf.h"
#include "io_uring_programs.bpf.h"
#include "lifecycle_programs.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline long returned(struct pt_regs *context)
{
#if defined(__TARGET_ARCH_x86)
	return context->ax;
#elif defined(__TARGET_ARCH_arm64)
	return context->regs[0];
#endif
}

static __always_inline int on_kretprobe(struct pt_regs *context, __u32 number, const struct syscall syscall)
{
	struct syscall_exit exit = { .result = returned(context) };
	struct task_struct *task;
	struct pt_regs *regs;

	if (!concerns_tap(&syscall, exit.result))
		return 0;
	task = current_task(false);
	/* On arm64 the same functions serve 32-bit callers. */
	if (is_compat_call(task, false)) {
		count(TT_COUNTER_COMPAT_CALL);
		return 0;
	}
	regs = saved_registers();
	if (read_syscall_number(regs, false) != number) {
		count(TT_COUNTER_STRANGE_REGISTERS);
		return 0;
	}
	read_registers(regs, &exit, false);
	on_return(context, &stages, &syscall, &exit, task, false);
	return 0;
}

#define X(name, function, x86_64, arm64, shape, direction)                                             \
	SEC("kretprobe/" SYSCALL_FUNCTION(#function))                                                  \
	int kprobe_##function(struct pt_regs *context)                                                 \
	{                                                                                              \
		return on_kretprobe(context, NATIVE_NUMBER(x86_64, arm64),                             \
				    (struct syscall){ TT_SYSCALL_##name, TT_SHAPE_##shape,             \
						      TT_DIRECTION_##direction });                     \
	}
TT_SYSCALLS(X)
#undef X

SEC("kretprobe")
int emit_kprobe(struct pt_regs *context)
{
	return emit(context, &stages, false);
}

SEC("kretprobe")
int gather_kprobe(struct pt_regs *context)
{
	return gather(context, &stages, false);
}
