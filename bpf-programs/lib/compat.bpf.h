/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What differs between kernels and architectures, each with its reason, so that it can go one day. */
#ifndef TCPTRACKER_COMPAT_BPF_H
#define TCPTRACKER_COMPAT_BPF_H

#include "helpers.bpf.h"

/*
 * A field of a kernel structure. `trusted` is a constant: programs of the tp_btf and fexit types may
 * follow a typed pointer directly (a plain load); others must ask a helper, at several times the cost.
 */
#define READ(trusted, pointer, field) \
	((trusted) ? (pointer)->field : BPF_CORE_READ(pointer, field))

/* Atomics that return the value before came with 5.12 (instruction set v3). */
#define fetch_add(pointer, n) __sync_fetch_and_add(pointer, n)
#define exchange(pointer, value) __sync_lock_test_and_set(pointer, value)

struct syscall_exit {
	__u32 number;
	long result;
	__u64 arguments[4];
};

/* The arguments are still in the saved registers when the call returns. */
static __always_inline void read_registers(struct pt_regs *regs, struct syscall_exit *call, bool trusted)
{
#if defined(__TARGET_ARCH_x86)
	call->arguments[0] = READ(trusted, regs, di);
	call->arguments[1] = READ(trusted, regs, si);
	call->arguments[2] = READ(trusted, regs, dx);
	call->arguments[3] = READ(trusted, regs, r10);
#elif defined(__TARGET_ARCH_arm64)
	/* x0 holds the result by now; the kernel keeps the argument beside it. */
	call->arguments[0] = READ(trusted, regs, orig_x0);
	call->arguments[1] = READ(trusted, regs, regs[1]);
	call->arguments[2] = READ(trusted, regs, regs[2]);
	call->arguments[3] = READ(trusted, regs, regs[3]);
#endif
}

static __always_inline __u32 read_syscall_number(struct pt_regs *regs, bool trusted)
{
#if defined(__TARGET_ARCH_x86)
	return READ(trusted, regs, orig_ax);
#elif defined(__TARGET_ARCH_arm64)
	return READ(trusted, regs, syscallno);
#endif
}

static __always_inline struct task_struct *current_task(bool trusted)
{
	return trusted ? bpf_get_current_task_btf() : (struct task_struct *)bpf_get_current_task();
}

/* A 32-bit call: its number and its structures mean something else. */
static __always_inline bool is_compat_call(struct task_struct *task, bool trusted)
{
#if defined(__TARGET_ARCH_x86)
	return READ(trusted, task, thread_info.status) & 0x2 /* TS_COMPAT */;
#elif defined(__TARGET_ARCH_arm64)
	return READ(trusted, task, thread_info.flags) & (1UL << 22) /* TIF_32BIT */;
#endif
}

#endif
