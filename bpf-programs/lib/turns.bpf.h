/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the kernel may preempt a program, it skips the program for every other thread of that CPU until
 * the preempted one has gone on (its guard against recursion): their calls would be missed. There, each hook
 * is attached twice. Both copies run for a call; the one that comes first takes it, and the other one sees that
 * it was taken. A call is missed only when both were preempted.
 */
#ifndef TCPTRACKER_TURNS_BPF_H
#define TCPTRACKER_TURNS_BPF_H

#include "config.bpf.h"
#include "helpers.bpf.h"

enum copy {
	NO_COPY = 0,	/* a program that follows one of the two */
	FIRST_COPY = 1,
	SECOND_COPY = 2,
};

#if !defined(TT_NO_ATOMICS)

struct turn {
	__u64 taken_by;	/* enum copy; 0 when the other copy has seen it */
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
	if (!turn)
		return copy == FIRST_COPY;
	if (turn->taken_by && turn->taken_by != copy) {
		turn->taken_by = 0;
		return false;
	}
	turn->taken_by = copy;
	return true;
}

#else

/* Kernels before 5.12 do not preempt these programs. */
static __always_inline bool takes_turn(enum copy copy __attribute__((unused)))
{
	return true;
}

#endif

#endif
