/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which call of the table one was, by number. A kernel has several interfaces: its own, that of 32-bit programs,
 * and x32. Each has numbers of its own, and the last two have narrow structures.
 */
#ifndef TCPTRACKER_ABI_BPF_H
#define TCPTRACKER_ABI_BPF_H

#include <tcptracker/event.h>

#include "compat.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"

#define SYSCALL(name, shape, direction) { TT_SYSCALL_##name, TT_SHAPE_##shape, TT_DIRECTION_##direction }

#define MAX_SYSCALL_NUMBER 548

struct numbered_syscall {
	struct syscall native;
	struct syscall compat;	/* what the number means to a 32-bit caller */
};

/* Calls that an interface lacks share TT_NO_NUMBER. */
#pragma clang diagnostic push
#pragma clang diagnostic ignored "-Winitializer-overrides"
const volatile struct numbered_syscall syscalls[MAX_SYSCALL_NUMBER] = {
#define X(name, function, x86_64, arm64, i386, arm, shape, direction)           \
	[NATIVE_NUMBER(x86_64, arm64)].native = SYSCALL(name, shape, direction), \
	[COMPAT_NUMBER(i386, arm)].compat = SYSCALL(name, shape, direction),
	TT_SYSCALLS(X)
#undef X
#define X(name, i386, arm, shape, direction) [COMPAT_NUMBER(i386, arm)].compat = SYSCALL(name, shape, direction),
	TT_SYSCALLS_32(X)
#undef X
#if defined(__TARGET_ARCH_x86)
#define X(name, number, shape, direction) [number].native = SYSCALL(name, shape, direction),
	TT_SYSCALLS_X32(X)
#undef X
	[TT_SOCKETCALL_X86].compat = SYSCALL(NONE, SOCKETCALL, NONE),
#endif
};
#pragma clang diagnostic pop

/* Where a call with this number is in the table; beyond it when it cannot be of the table. */
static __always_inline __u32 index_of_number(__u32 number)
{
#if defined(__TARGET_ARCH_x86)
	number &= ~TT_X32_BIT;
#endif
	return number;
}

/* 1 when the caller's structures have 32-bit pointers, else 0; without a branch, because much depends on it. */
static __always_inline __u8 passes_narrow(__u32 number, bool compat)
{
#if defined(__TARGET_ARCH_x86)
	return compat | (number / TT_X32_BIT & 1);
#else
	(void)number;
	return compat;
#endif
}

/* The call that has this number; of shape NONE when it is none of the table. */
static __always_inline struct syscall syscall_of(__u32 number, bool compat)
{
	__u32 index = index_of_number(number);
	struct numbered_syscall entry = {};

	if (index < MAX_SYSCALL_NUMBER)
		entry = *(const struct numbered_syscall *)&syscalls[index];
	return compat ? entry.compat : entry.native;
}

#if defined(__TARGET_ARCH_x86)

#define MAX_SOCKETCALL 21

struct socketcall {
	struct syscall syscall;
	__u8 size;	/* of the arguments that matter */
};

const volatile struct socketcall socketcalls[MAX_SOCKETCALL] = {
#define X(name, argument, arguments, shape, direction) \
	[argument] = { SYSCALL(name, shape, direction), (arguments) * sizeof(__u32) },
	TT_SOCKETCALLS(X)
#undef X
};

/*
 * What a socketcall(which, arguments[]) stands for: replaces the call and its arguments by those. False when it is none
 * of the table, or cannot be known any more.
 */
static __always_inline bool unpack_socketcall(struct syscall *syscall, struct syscall_exit *exit)
{
	__u64 which = exit->arguments[0];
	__u32 arguments[4] = {};
	struct socketcall entry;
	__u64 size;

	if (which >= MAX_SOCKETCALL)
		return false;
	entry = *(const struct socketcall *)&socketcalls[which];
	size = entry.size;
	if (!size)
		return false;
	/* One comparison for both would be of another register than the one that the helper gets. */
	asm volatile("" : "+r"(size));
	if (size > sizeof(arguments))
		return false;
	*syscall = entry.syscall;
	if (bpf_probe_read_user(arguments, size, (void *)exit->arguments[1])) {
		count(TT_COUNTER_FAULT);
		return false;
	}
	for (int i = 0; i < 4; i++)
		exit->arguments[i] = arguments[i];
	return true;
}

#else

static __always_inline bool unpack_socketcall(struct syscall *syscall __attribute__((unused)),
					      struct syscall_exit *exit __attribute__((unused)))
{
	return false;
}

#endif

#endif
