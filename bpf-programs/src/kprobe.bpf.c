// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The `kprobe` strategy: a kretprobe on each system call of the table. Works on every kernel that has
 * kprobes. There is no probe at the entry: the arguments are read from the registers that the kernel
 * saved when the call began.
 */
#include "emit.bpf.h"
#include "filter.bpf.h"
#include "gather.bpf.h"
#include "hook.bpf.h"
#include "identify.bpf.h"
#include "io_uring_programs.bpf.h"
#include "lifecycle_programs.bpf.h"
#include "send_file.bpf.h"
#include "sys_exit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline long returned(struct pt_regs *context)
{
#if defined(__TARGET_ARCH_x86)
	return context->ax;
#elif defined(__TARGET_ARCH_arm64)
	return context->regs[0];
#endif
}

static __always_inline int on_kretprobe(struct pt_regs *context, const struct syscall syscall)
{
	struct syscall_exit exit = { .result = returned(context) };
	struct task_struct *task;
	struct pt_regs *regs;
	__u32 number;
	bool compat;

	if (!concerns_tap(&syscall, exit.result, NO_COPY))
		return 0;
	task = current_task(false);
	regs = saved_registers();
	/* These functions serve x32 callers too and, on arm64, 32-bit ones. */
	compat = is_compat_call(task, false);
	number = read_syscall_number(regs, false);
	if (syscall_of(number, compat).id != syscall.id) {
		count(TT_COUNTER_STRANGE_REGISTERS);
		return 0;
	}
	if (syscall.shape == TT_SHAPE_MESSAGES)
		return enter_stage(context, &stages, TT_STAGE_MESSAGES);
	exit.narrow = passes_narrow(number, compat);
	read_registers(regs, &exit, compat, false);
	on_return(context, &stages, &syscall, &exit, task, false);
	return 0;
}

#define X(name, function, x86_64, arm64, i386, arm, shape, direction)                                  \
	SEC("kretprobe/" SYSCALL_FUNCTION(#function))                                                  \
	int kprobe_##function(struct pt_regs *context)                                                 \
	{                                                                                              \
		return on_kretprobe(context, (struct syscall)SYSCALL(name, shape, direction));         \
	}
TT_SYSCALLS(X)
#undef X

/* The functions of 32-bit programs: all lead to one program, which looks the call up by number. */
#define X(function)                                                                                    \
	SEC("kretprobe/__" #function)                                                                  \
	int kprobe32_##function(struct pt_regs *context)                                               \
	{                                                                                              \
		return enter_stage(context, &stages, TT_STAGE_COMPAT);                                 \
	}
TT_FILE_FUNCTIONS_32(X)
TT_SOCKET_FUNCTIONS_32(X)
#undef X

SEC("kretprobe")
int compat_kprobe(struct pt_regs *context)
{
	return on_stage(context, &stages, saved_registers(), returned(context), false, false);
}

SEC("kretprobe")
int messages_kprobe(struct pt_regs *context)
{
	return on_stage(context, &stages, saved_registers(), returned(context), true, false);
}

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

SEC("kretprobe")
int send_file_kprobe(struct pt_regs *context)
{
	return send_file(context, &stages);
}

SEC("kretprobe")
int prefix_kprobe(struct pt_regs *context)
{
	return prefix(context, &stages, false);
}

SEC("kretprobe")
int reject_kprobe(struct pt_regs *context)
{
	return reject(context, &stages);
}
