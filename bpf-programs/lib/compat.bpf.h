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

/*
 * Atomics that return the value before. `owner` tells apart what different callers work on; only the
 * variant for old kernels needs it.
 */
#if !defined(TT_NO_ATOMICS)
#define fetch_add(owner, pointer, n) __sync_fetch_and_add(pointer, n)
#define exchange(owner, pointer, value) __sync_lock_test_and_set(pointer, value)
#define compare_and_swap(pointer, old, new) __sync_val_compare_and_swap(pointer, old, new)
#else
#include "lock.bpf.h"
/* Each in a statement expression, so that it works on whatever type the pointer has. */
#define fetch_add(owner, pointer, n) LOCKED(owner, pointer, before_ + (n))
#define exchange(owner, pointer, value) LOCKED(owner, pointer, value)
/* These kernels do not preempt programs, so nobody else is there to swap with. */
#define compare_and_swap(pointer, old, new)                                       \
	({                                                                        \
		typeof(*(pointer)) before_ = *(pointer);                          \
		if (before_ == (old))                                             \
			*(pointer) = (new);                                       \
		before_;                                                          \
	})
#endif

/* The numbers of the system calls, and the functions behind them, as fexit and kprobes know them. */
#if defined(__TARGET_ARCH_x86)
#define NATIVE_NUMBER(x86_64, arm64) x86_64
#define COMPAT_NUMBER(i386, arm) i386
#define SYSCALL_FUNCTION(name) "__x64_sys_" name
#define TT_FILE_FUNCTIONS_32 TT_FILE_FUNCTIONS_32_X86
#define TT_SOCKET_FUNCTIONS_32 TT_SOCKET_FUNCTIONS_32_X86
#elif defined(__TARGET_ARCH_arm64)
#define NATIVE_NUMBER(x86_64, arm64) arm64
#define COMPAT_NUMBER(i386, arm) arm
#define SYSCALL_FUNCTION(name) "__arm64_sys_" name
#define TT_FILE_FUNCTIONS_32 TT_FILE_FUNCTIONS_32_ARM64
#define TT_SOCKET_FUNCTIONS_32 TT_SOCKET_FUNCTIONS_32_ARM64
#endif

struct syscall {
	__u8 id;	/* enum tt_syscall */
	__u8 shape;	/* enum tt_shape; NONE: not of the table */
	__u8 direction;	/* enum tt_direction */
};

/* A system call that has returned. */
struct syscall_exit {
	long result;
	__u64 arguments[4];
	__u8 narrow;	/* 1: the structures that it was given have 32-bit pointers; else 0 */
};

/*
 * The arguments are still in the saved registers when the call returns. Those of a 32-bit call (`compat`) are
 * in other registers on x86, in the lower halves: the upper ones are the caller's when it is a 64-bit program.
 */
static __always_inline void read_registers(struct pt_regs *regs, struct syscall_exit *call, bool compat, bool trusted)
{
#if defined(__TARGET_ARCH_x86)
	if (compat) {
		call->arguments[0] = (__u32)READ(trusted, regs, bx);
		call->arguments[1] = (__u32)READ(trusted, regs, cx);
		call->arguments[2] = (__u32)READ(trusted, regs, dx);
		call->arguments[3] = (__u32)READ(trusted, regs, si);
		return;
	}
	call->arguments[0] = READ(trusted, regs, di);
	call->arguments[1] = READ(trusted, regs, si);
	call->arguments[2] = READ(trusted, regs, dx);
	call->arguments[3] = READ(trusted, regs, r10);
#elif defined(__TARGET_ARCH_arm64)
	(void)compat;
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

/* A 32-bit call: its number, its registers and its structures are other ones. */
static __always_inline bool is_compat_call(struct task_struct *task, bool trusted)
{
#if defined(__TARGET_ARCH_x86)
	return READ(trusted, task, thread_info.status) & 0x2 /* TS_COMPAT */;
#elif defined(__TARGET_ARCH_arm64)
	return READ(trusted, task, thread_info.flags) & (1UL << 22) /* TIF_32BIT */;
#endif
}

/*
 * The result that a tracepoint gives for a call. On arm64 before 5.15 the upper half of a 32-bit one is 0, also of an error.
 * Without a branch, or all that follows would be verified twice.
 */
static __always_inline long widened(long result, bool compat)
{
#if defined(__TARGET_ARCH_arm64)
	__u64 shift = 32 * compat;

	return (long)((__u64)result << shift) >> shift;
#else
	(void)compat;
	return result;
#endif
}

/*
 * The user's registers, saved when the current call began. They are at the top of the task's kernel stack;
 * from 5.15 on the kernel says where. Before, there was no padding (CONFIG_X86_FRED, 6.9) and the size was this,
 * but for kernels built to debug memory or with pages of 64 KiB: so the caller has to check what it finds.
 */
static __always_inline struct pt_regs *saved_registers(void)
{
	struct task_struct *task;

	if (bpf_core_enum_value_exists(enum bpf_func_id___subset, BPF_FUNC_task_pt_regs___subset))
		return (struct pt_regs *)bpf_task_pt_regs(bpf_get_current_task_btf());
	task = (struct task_struct *)bpf_get_current_task();
	return BPF_CORE_READ(task, stack) + 16384 - bpf_core_type_size(struct pt_regs);
}

#endif
