/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the kernel may preempt a program, it skips the program for every other thread of that CPU until
 * the preempted one has gone on (its guard against recursion): their calls would be missed. There, each hook
 * is attached twice, and both copies run for a call, always in the same order: see hookPrograms in attachment.ts. The
 * first one takes the call and leaves a mark; the second one takes it only where there is none. A call is missed when both
 * copies are skipped for it, or the second one was for the same thread's call before it and the first one is for this one.
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

/*
 * The threads whose call the first copy has taken and the second one has not come to. No task storage: that is not to be
 * had while another thread was preempted in it, which is when it is needed.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__type(key, __u32);
	__type(value, __u8);
} turns SEC(".maps");

static __always_inline bool takes_turn(enum copy copy)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid();
	__u8 taken = 1;

	if (!doubled)
		return true;
	if (copy == SECOND_COPY)
		return bpf_map_delete_elem(&turns, &thread) != 0;
	/* Without a mark the second copy takes it, too. */
	return bpf_map_update_elem(&turns, &thread, &taken, BPF_ANY) == 0;
}

#else

/* Kernels before 5.12 do not preempt these programs. */
static __always_inline bool takes_turn(enum copy copy __attribute__((unused)))
{
	return true;
}

#endif

#endif
