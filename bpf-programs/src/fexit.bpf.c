// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The `fexit` strategy: a trampoline on the return of each system call of the table. Nothing else on the
 * machine pays, and the arguments come with it. Needs a kernel that describes pt_regs in its BTF (not 5.10 on
 * x86-64) and, on arm64, 6.12.
 */
#include "emit.bpf.h"
#include "gather.bpf.h"
#include "hook.bpf.h"
#include "identify.bpf.h"
#include "lifecycle_programs.bpf.h"
#include "sys_exit.bpf.h"
#include "turns.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

static __always_inline int on_fexit(void *context, struct pt_regs *regs, long result, enum copy copy,
				    const struct syscall syscall)
{
	struct syscall_exit exit = { .result = result };
	struct task_struct *task;
	bool compat;

	if (!concerns_tap(&syscall, result))
		return 0;
	if (!takes_turn(copy))
		return 0;
	if (syscall.shape == TT_SHAPE_MESSAGES)
		return enter_stage(context, TT_STAGE_MESSAGES);
	task = current_task(true);
	/* These functions serve x32 callers too and, on arm64, 32-bit ones. */
	compat = is_compat_call(task, true);
	exit.narrow = is_narrow(read_syscall_number(regs, true), compat);
	read_registers(regs, &exit, compat, true);
	on_return(context, &syscall, &exit, task, true);
	return 0;
}

#define HOOK(name, function, suffix, copy, shape, direction)                                            \
	SEC("fexit/" SYSCALL_FUNCTION(#function))                                                      \
	int fexit_##function##suffix(__u64 *context)                                                   \
	{                                                                                              \
		return on_fexit(context, (struct pt_regs *)context[0], context[1], copy,               \
				(struct syscall)SYSCALL(name, shape, direction));                      \
	}
#define X(name, function, x86_64, arm64, i386, arm, shape, direction)                                  \
	HOOK(name, function, , FIRST_COPY, shape, direction)                                           \
	HOOK(name, function, _again, SECOND_COPY, shape, direction)
TT_SYSCALLS(X)
#undef X

/* The functions of 32-bit programs: all lead to one program, which looks the call up by number. */
#define HOOK_32(function, suffix, copy)                                                                \
	SEC("fexit/__" #function)                                                                      \
	int fexit32_##function##suffix(__u64 *context)                                                 \
	{                                                                                              \
		return takes_turn(copy) ? enter_stage(context, TT_STAGE_COMPAT) : 0;                   \
	}
#define X(function) HOOK_32(function, , FIRST_COPY) HOOK_32(function, _again, SECOND_COPY)
TT_FUNCTIONS_32(X)
#undef X

/* Stages must be of the type of their hooks, and name a function with the same arguments. */
SEC("fexit/" SYSCALL_FUNCTION("sendto"))
int emit_fexit(__u64 *context)
{
	return emit(context);
}

SEC("fexit/" SYSCALL_FUNCTION("sendto"))
int gather_fexit(__u64 *context)
{
	return gather(context);
}

SEC("fexit/" SYSCALL_FUNCTION("sendto"))
int compat_fexit(__u64 *context)
{
	return on_stage(context, (struct pt_regs *)context[0], context[1], false, true);
}

SEC("fexit/" SYSCALL_FUNCTION("sendto"))
int messages_fexit(__u64 *context)
{
	return on_stage(context, (struct pt_regs *)context[0], context[1], true, true);
}
