/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A system call on its way through the stages (hook, filter, emit), which are separate programs: what
 * one knows it leaves here for the next. Per CPU: nothing else that writes here runs on the CPU between
 * two stages. The hooks run with preemption off on most kernels; on others the kernel skips a hook that
 * would run inside another one, and counts it (recursion_misses, which the agent reports).
 */
#ifndef TCPTRACKER_CALL_BPF_H
#define TCPTRACKER_CALL_BPF_H

#include <tcptracker/event.h>

#include "helpers.bpf.h"

struct call {
	struct tt_data data;	/* the record that the filter judges and every data record starts with */
	__u64 sock;		/* key of the connection */
	__u64 remaining;	/* bytes of the call that are in no record yet */
	__u64 capture;		/* bytes of the call that may still be captured */

	/* Where the next byte is in user memory: the current segment, its message, and what follows. */
	__u64 address;
	__u64 segment_left;
	__u64 segments;		/* the next struct iovec */
	__u64 segment_count;	/* left */
	__u64 message_left;	/* bytes that this message moved and that are in no record yet */
	__u64 messages;		/* the next struct mmsghdr */
	__u32 message_count;	/* left */
	__u32 filled;		/* payload bytes in the record being gathered */
	__u8 page_by_page;	/* a large read failed: find the missing page */
	__u8 owes;		/* the connection has a gap to declare first */
	__u8 opens;		/* the connection has an open record to send first */
	__u8 gap_cause;		/* enum tt_gap_cause, when none of the bytes can be captured */
	__u8 bad_structures;	/* an iovec or header could not be read */
	__u8 gathered;		/* the gather stage has had its turn */
	__u8 reserved[6];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct call);
} calls SEC(".maps");

static __always_inline struct call *current_call(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&calls, &zero);
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TT_STAGE_MAX);
	__type(key, __u32);
	__type(value, __u32);
} stages SEC(".maps");

#endif
