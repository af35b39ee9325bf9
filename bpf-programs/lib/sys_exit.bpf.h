/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For programs that see more calls than one: which of the table it was, by number. The tracepoint strategy sees
 * every call of the machine here, the others those of 32-bit programs and those that move several messages.
 */
#ifndef TCPTRACKER_SYS_EXIT_BPF_H
#define TCPTRACKER_SYS_EXIT_BPF_H

#include "abi.bpf.h"
#include "hook.bpf.h"
#include "turns.bpf.h"

/*
 * False when the number is none of the table. `copy` and `messages` are constants: calls that move several messages
 * have a program of their own, which comes after the others, or the loop over them would be verified together with
 * everything else.
 */
static __always_inline bool on_numbered_exit(void *context, void *stages, struct pt_regs *regs, long result,
					     enum copy copy, const bool messages, bool trusted)
{
	struct syscall_exit exit = {};
	struct numbered_syscall entry;
	struct syscall syscall;
	struct task_struct *task;
	__u32 number = read_syscall_number(regs, trusted), index = index_of_number(number);
	bool compat, unpacked = false;

	if (index >= MAX_SYSCALL_NUMBER)
		return false;
	/* Most calls end here, before anything else is looked at. */
	entry = *(const struct numbered_syscall *)&syscalls[index];
	if (!entry.native.shape && !entry.compat.shape)
		return false;
	task = current_task(trusted);
	compat = is_compat_call(task, trusted);
	syscall = compat ? entry.compat : entry.native;
	if (!syscall.shape)
		return false;
	exit.result = widened(result, compat);
	exit.narrow = passes_narrow(number, compat);
	if (syscall.shape == TT_SHAPE_SOCKETCALL) {
		read_registers(regs, &exit, compat, trusted);
		if (!unpack_socketcall(&syscall, &exit))
			return true;
		unpacked = true;
	}
	if (messages)
		syscall.shape = TT_SHAPE_MESSAGES;
	if (!concerns_tap(&syscall, exit.result, copy))
		return true;
	if (copy != NO_COPY && !takes_turn(copy))
		return true;
	if (!messages && syscall.shape == TT_SHAPE_MESSAGES) {
		enter_stage(context, stages, TT_STAGE_MESSAGES);
		return true;
	}
	if (!unpacked)
		read_registers(regs, &exit, compat, trusted);
	on_return(context, stages, &syscall, &exit, task, trusted);
	return true;
}

/* Where all calls come by. */
static __always_inline int on_sys_exit(void *context, struct pt_regs *regs, long result, enum copy copy, bool trusted)
{
	on_numbered_exit(context, &stages, regs, result, copy, false, trusted);
	return 0;
}

/* Where only calls of the table can have come by, after a hook that has the turn. */
static __always_inline int on_stage(void *context, void *stages, struct pt_regs *regs, long result,
				    const bool messages, bool trusted)
{
	if (!on_numbered_exit(context, stages, regs, result, NO_COPY, messages, trusted))
		count(TT_COUNTER_STRANGE_REGISTERS);
	return 0;
}

#endif
