/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walks the user memory of a call: a buffer, an array of iovecs, one message or several. */
#ifndef TCPTRACKER_SEGMENTS_BPF_H
#define TCPTRACKER_SEGMENTS_BPF_H

#include "call.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"

/* As many messages as the kernel takes in one call (UIO_MAXIOV). */
#define MAX_MESSAGES 1024

static __always_inline void use_buffer(struct call *call, __u64 address)
{
	call->address = address;
	call->segment_left = call->data.size;
	call->message_left = call->data.size;
}

static __always_inline void use_iovecs(struct call *call, __u64 iovecs, __u64 count)
{
	call->segments = iovecs;
	call->segment_count = count;
	call->message_left = call->data.size;
}

static __always_inline void use_message(struct call *call, __u64 address)
{
	struct user_msghdr header;

	if (bpf_probe_read_user(&header, sizeof(header), (void *)address)) {
		count(TT_COUNTER_FAULT);
		call->bad_structures = 1;
		return;
	}
	use_iovecs(call, header.segments, header.segment_count);
}

static __always_inline void use_messages(struct call *call, __u64 address, __u32 count)
{
	call->messages = address;
	call->message_count = count;
}

/* How many bytes the messages of one call moved together. */
static __always_inline __u64 sum_of_messages(__u64 address, __u32 messages)
{
	struct user_mmsghdr *headers = (void *)address;
	__u32 length;
	__u64 sum = 0;
	long failed = 0;

	/* Failure is counted after the loop: a way out of each iteration would be verified 1,024 times. */
	for (__u32 i = 0; i < MAX_MESSAGES && i < messages; i++) {
		length = 0;
		failed |= bpf_probe_read_user(&length, sizeof(length), &headers[i].length);
		sum += length;
	}
	if (failed)
		count(TT_COUNTER_FAULT);
	return sum;
}

/* The first segments as the kernel knows them, and from then on as user memory has them: NULL when it has not. */
static __always_inline void use_picked(struct call *call, __u64 picked, __u64 iovecs, __u64 count)
{
	__u32 n = count < PICKED_AT_SUBMISSION ? count : PICKED_AT_SUBMISSION;

	call->message_left = call->data.size;
	asm volatile("" : "+r"(n));
	if (n > PICKED_AT_SUBMISSION ||
	    bpf_probe_read_kernel(call->picked_segments, n * sizeof(struct user_iovec), (void *)picked))
		return;
	call->picked = n;
	if (iovecs && count > n) {
		call->segments = iovecs + n * sizeof(struct user_iovec);
		call->segment_count = count - n;
	}
}

/*
 * Several buffers of a ring of provided buffers, in the order in which they were taken. `place` is the first
 * one's index and, in the upper half, the mask of the ring.
 */
static __always_inline void use_provided(struct call *call, __u64 buffers, __u64 place)
{
	__u16 index = place, mask = place >> 32;
	struct user_provided_buffer buffer;

	call->message_left = call->data.size;
	for (__u32 i = 0; i < PICKED_SEGMENTS; i++) {
		if (bpf_probe_read_kernel(&buffer, sizeof(buffer),
					  (void *)(buffers + ((index + i) & mask) * sizeof(buffer))))
			return;
		call->picked_segments[i].base = buffer.base;
		call->picked_segments[i].length = buffer.length;
		call->picked = i + 1;
	}
}

static __always_inline bool next_picked(struct call *call)
{
	__u32 i = call->picked_next;
	struct user_iovec *segment = &call->picked_segments[i & (PICKED_SEGMENTS - 1)];

	call->picked_next = i + 1;
	call->address = segment->base;
	call->segment_left = segment->length < call->message_left ? segment->length : call->message_left;
	return true;
}

/*
 * Goes one step towards the next byte; false when the structures cannot be read. `uring`, a constant: for an
 * operation of io_uring, which may have picked segments. Others are spared the branch, which the verifier would follow
 * at every step.
 */
static __always_inline bool next_segment(struct call *call, const bool uring)
{
	if (call->bad_structures)
		return false;
	if (uring && call->picked_next < call->picked && call->message_left)
		return next_picked(call);
	if (call->message_left) {
		struct user_iovec segment;

		if (!call->segment_count ||
		    bpf_probe_read_user(&segment, sizeof(segment), (void *)call->segments))
			return false;
		call->segments += sizeof(segment);
		call->segment_count--;
		call->address = segment.base;
		call->segment_left = segment.length < call->message_left ? segment.length : call->message_left;
	} else {
		struct user_mmsghdr message;

		if (!call->message_count ||
		    bpf_probe_read_user(&message, sizeof(message), (void *)call->messages))
			return false;
		call->messages += sizeof(message);
		call->message_count--;
		call->segments = message.header.segments;
		call->segment_count = message.header.segment_count;
		/* Whatever the process has made of its memory since: no more than the call moved. */
		call->message_left = message.length < call->remaining ? message.length : call->remaining;
	}
	return true;
}

/* Whether more than one segment may be left. */
static __always_inline bool has_segments(const struct call *call, const bool uring)
{
	return call->segment_count + call->message_count + (uring ? call->picked - call->picked_next : 0) > 1;
}

#endif
