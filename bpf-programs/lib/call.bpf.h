/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A system call on its way through the stages (hook, filter, emit), which are separate programs: what
 * one knows it leaves here for the next. Per CPU, and there in one of a few slots: newer kernels may
 * preempt a program, and the hook of another thread then runs in the middle of it.
 */
#ifndef TCPTRACKER_CALL_BPF_H
#define TCPTRACKER_CALL_BPF_H

#include <tcptracker/event.h>

#include "compat.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"

/* Segments that the programs note down: of an operation of io_uring at most the first few. */
#define PICKED_SEGMENTS 32
#define PICKED_AT_SUBMISSION 8

/* An operation of io_uring on its way to the stage that records it. */
struct pending {
	struct syscall operation;
	struct syscall_exit exit;
	__u64 sock;
	__u64 task;
};

/* A pointer, and the size or number of what it points to: so is an iovec, and so a msghdr names its iovecs. */
struct extent {
	__u64 address;
	__u64 count;
};

/* Where the next byte is in user memory: the current segment, its message, and what follows. */
struct walk {
	__u64 remaining;	/* bytes of the call that are in no record yet */
	__u64 capture;		/* bytes of the call that may still be captured */
	__u64 address;
	__u64 segment_left;
	__u64 segments;		/* the next struct iovec */
	__u64 segment_count;	/* left */
	struct extent extent;	/* the last one read */
	__u64 message_left;	/* bytes that this message moved and that are in no record yet */
	__u64 messages;		/* the next struct mmsghdr */
	__u32 message_count;	/* left */
	__u32 picked_next;
};

struct call {
	struct tt_filter_input;
	union {
		struct walk;
		struct walk walk;
	};
	__u32 filled;		/* payload bytes in the record being gathered */
	__u8 page_by_page;	/* a large read failed: find the missing page */
	__u8 owes;		/* the connection has a gap to declare first */
	__u8 opens;		/* the connection has an open record to send first */
	__u8 gap_cause;		/* enum tt_gap_cause, when none of the bytes can be captured */
	__u8 bad_structures;	/* an iovec or header could not be read */
	__u8 gathered;		/* the gather stage has had its turn */
	__u8 sends_file;	/* the bytes were in a file, for the send_file stage to look for */
	__u8 slot;
	__u8 narrow;		/* as in struct syscall_exit */
	__u64 mapping;		/* the pages of the file that was sent; `address` is the position in it */
	struct walk walk_before;	/* while the filter's prefix is read */
	struct pending pending;
	__u32 picked;		/* segments in picked_segments, which come before the others */
	struct user_iovec picked_segments[PICKED_SEGMENTS];
	struct tt_connection fresh;	/* where a new entry of the connection table is put together */
};

#define CALL_SLOTS TT_LIMIT_CALL_SLOTS

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CALL_SLOTS);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

/* A slot for the call of the current thread; NULL, counted, when preempted calls hold them all. */
static __always_inline struct call *claim_call(void)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct call *call;

	for (__u32 i = 0; i < CALL_SLOTS; i++) {
		__u32 key = i;

		call = bpf_map_lookup_elem(&calls, &key);
		if (!call)
			return 0;
		if (call->owner == thread || compare_and_swap(&call->owner, 0, thread) == 0) {
			call->slot = i;
			return call;
		}
	}
	count(TT_COUNTER_NO_SLOT);
	return 0;
}

/* The call that an earlier stage has claimed a slot for. */
static __always_inline struct call *current_call(void)
{
	__u64 thread = bpf_get_current_pid_tgid();
	struct call *call;

	for (__u32 i = 0; i < CALL_SLOTS; i++) {
		__u32 key = i;

		call = bpf_map_lookup_elem(&calls, &key);
		if (!call)
			return 0;
		if (call->owner == thread)
			return call;
	}
	return 0;
}

/* Whatever stage a call ends in has to give the slot back. */
static __always_inline void release_call(struct call *call)
{
	*(volatile __u64 *)&call->owner = 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TT_STAGE_MAX);
	__type(key, __u32);
	__type(value, __u32);
} stages SEC(".maps");

/* Hands a call over before anything of it is kept; what comes back is for the program to return. */
static __always_inline int enter_stage(void *context, void *stages, enum tt_stage stage)
{
	bpf_tail_call(context, stages, stage);
	count(TT_COUNTER_TAIL_CALL_FAILED);
	return 0;
}

#endif
