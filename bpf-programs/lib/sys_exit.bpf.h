/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* For the strategy that sees every system call of the machine: which of them are in the table, by number. */
#ifndef TCPTRACKER_SYS_EXIT_BPF_H
#define TCPTRACKER_SYS_EXIT_BPF_H

#include "hook.bpf.h"
#include "turns.bpf.h"

#define MAX_SYSCALL_NUMBER 512

#if defined(__TARGET_ARCH_x86)
#define TT_COMPAT_SYSCALLS TT_COMPAT_SYSCALLS_X86
#elif defined(__TARGET_ARCH_arm64)
#define TT_COMPAT_SYSCALLS TT_COMPAT_SYSCALLS_ARM
#endif

struct numbered_syscall {
	struct syscall syscall;
	__u8 compat;	/* for a 32-bit caller this is the number of a call that moves bytes */
};

const volatile struct numbered_syscall syscalls[MAX_SYSCALL_NUMBER] = {
#define X(name, function, x86_64, arm64, shape, direction) \
	[NATIVE_NUMBER(x86_64, arm64)] = { { TT_SYSCALL_##name, TT_SHAPE_##shape, TT_DIRECTION_##direction }, 0 },
	TT_SYSCALLS(X)
#undef X
#define X(number) [number] = { .compat = 1 },
	TT_COMPAT_SYSCALLS(X)
#undef X
};

/*
 * `copy` is a constant. Calls that move several messages have a program of their own, which comes after either
 * copy of the hook: otherwise the loop over them would be verified together with everything else.
 */
static __always_inline int on_sys_exit(void *context, struct pt_regs *regs, long result, enum copy copy,
				       bool trusted)
{
	struct syscall_exit exit = { .result = result };
	struct numbered_syscall entry;
	struct task_struct *task;
	__u32 number = read_syscall_number(regs, trusted);
	const bool messages = copy == NO_COPY;

	if (number >= MAX_SYSCALL_NUMBER)
		return 0;
	entry = *(const struct numbered_syscall *)&syscalls[number];
	if (!entry.syscall.shape && !entry.compat)
		return 0;
	task = current_task(trusted);
	if (is_compat_call(task, trusted)) {
		if (entry.compat && result > 0)
			count(TT_COUNTER_COMPAT_CALL);
		return 0;
	}
	if (messages)
		entry.syscall.shape = TT_SHAPE_MESSAGES;
	if (!entry.syscall.shape || !concerns_tap(&entry.syscall, result))
		return 0;
	if (!messages && !takes_turn(copy))
		return 0;
	if (!messages && entry.syscall.shape == TT_SHAPE_MESSAGES) {
		bpf_tail_call(context, &stages, TT_STAGE_MESSAGES);
		count(TT_COUNTER_TAIL_CALL_FAILED);
		return 0;
	}
	read_registers(regs, &exit, trusted);
	on_return(context, &stages, &entry.syscall, &exit, task, trusted);
	return 0;
}

#endif
