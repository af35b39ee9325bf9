/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the kernel may preempt a program, it skips the program for every other thread of that CPU until
 * the preempted one has gone on (its guard against recursion): their calls would be missed. There, each hook
 * is attached twice, and both copies run for a call, always in the same order: see hookPrograms in attachment.ts. The
 * first one takes the call and leaves a mark; the second one takes it only where there is none. A call is missed when both
 * copies are skipped for it, or the second one was for the same thread's call before it and the first one is for this one.
 * Before 6.2 the kernel also has no place for the mark while another thread is at one on that CPU: then a call that
 * the first copy has marked can be taken twice.
 */
#ifndef TCPTRACKER_TURNS_BPF_H
#define TCPTRACKER_TURNS_BPF_H

#include "config.bpf.h"
#include "helpers.bpf.h"

enum copy {
	NO_COPY = 0,	/* a program that follows one of the two */
	FIRST_COPY = 1,	/* runs before the other one */
	SECOND_COPY = 2,
};

#if !defined(TT_NO_ATOMICS)

struct turn {
	__u64 taken;	/* by the first copy; the second one has not seen it yet */
};

/* Of each thread: whether the call that it returns from has been taken. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct turn);
} turns SEC(".maps");

static __always_inline bool takes_turn(enum copy copy)
{
	struct turn *turn;

	if (!doubled)
		return true;
	turn = bpf_task_storage_get(&turns, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	/* Without a mark the second copy would take it, too. */
	if (!turn)
		return copy == SECOND_COPY;
	if (copy == FIRST_COPY) {
		turn->taken = 1;
		return true;
	}
	if (!turn->taken)
		return true;
	turn->taken = 0;
	return false;
}

#else

/* Kernels before 5.12 do not preempt these programs. */
static __always_inline bool takes_turn(enum copy copy __attribute__((unused)))
{
	return true;
}

#endif

#endif
