/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Walks the user memory of a call: a buffer, an array of iovecs, one message or several. */
#ifndef TCPTRACKER_SEGMENTS_BPF_H
#define TCPTRACKER_SEGMENTS_BPF_H

#include "call.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"

/* As many messages as the kernel takes in one call (UIO_MAXIOV). */
#define MAX_MESSAGES 1024

#define SEGMENTS_OFFSET __builtin_offsetof(struct user_msghdr, segments)
#define LENGTH_OFFSET __builtin_offsetof(struct user_mmsghdr, length)

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

/* A pointer, and the size or number of what it points to: so is an iovec, and so a msghdr names its iovecs. */
struct extent {
	__u64 address;
	__u64 count;
};

/*
 * Reads an extent, the 32-bit one of a narrow call widened. Without a branch: it would be verified again at
 * every step of a walk.
 */
static __always_inline bool read_extent(struct extent *extent, __u64 address, __u8 narrow)
{
	__u64 narrow_mask, size;

	/* The compiler would leave the mask out where it knows the range, and the verifier does not. */
	asm volatile("" : "+r"(narrow));
	narrow &= 1;
	narrow_mask = -(__u64)narrow;
	/* Not a shift: the verifier follows the range of those by constants only. */
	size = sizeof(*extent) - sizeof(*extent) / 2 * narrow;
	extent->address = 0;
	extent->count = 0;
	if (bpf_probe_read_user(extent, size, (void *)address))
		return false;
	extent->count |= (extent->address >> 32) & narrow_mask;
	extent->address &= ~(narrow_mask << 32);
	return true;
}

/* Where the iovecs of a message are. */
static __always_inline bool read_message(struct extent *segments, __u64 address, __u8 narrow)
{
	return read_extent(segments, address + (SEGMENTS_OFFSET >> narrow), narrow);
}

static __always_inline void use_message(struct call *call, __u64 address)
{
	struct extent segments;

	if (!read_message(&segments, address, call->narrow)) {
		count(TT_COUNTER_FAULT);
		call->bad_structures = 1;
		return;
	}
	use_iovecs(call, segments.address, segments.count);
}

static __always_inline void use_messages(struct call *call, __u64 address, __u32 count)
{
	call->messages = address;
	call->message_count = count;
}

/* How many bytes the messages of one call moved together. */
static __always_inline __u64 sum_of_messages(__u64 address, __u32 messages, __u8 narrow)
{
	__u64 size = sizeof(struct user_mmsghdr) >> narrow;
	__u32 length;
	__u64 sum = 0;
	long failed = 0;

	address += LENGTH_OFFSET >> narrow;

	/* Failure is counted after the loop: a way out of each iteration would be verified 1,024 times. */
	for (__u32 i = 0; i < MAX_MESSAGES && i < messages; i++) {
		length = 0;
		failed |= bpf_probe_read_user(&length, sizeof(length), (void *)address);
		sum += length;
		address += size;
	}
	if (failed)
		count(TT_COUNTER_FAULT);
	return sum;
}

/* Goes one step towards the next byte; false when the structures cannot be read. */
static __always_inline bool next_segment(struct call *call)
{
	__u8 narrow = call->narrow;
	struct extent extent;

	if (call->bad_structures)
		return false;
	if (call->message_left) {
		if (!call->segment_count || !read_extent(&extent, call->segments, narrow))
			return false;
		call->segments += sizeof(struct user_iovec) >> narrow;
		call->segment_count--;
		call->address = extent.address;
		call->segment_left = extent.count < call->message_left ? extent.count : call->message_left;
	} else {
		__u64 message = call->messages;
		__u32 length;

		if (!call->message_count || !read_message(&extent, message, narrow) ||
		    bpf_probe_read_user(&length, sizeof(length),
					(void *)(message + (LENGTH_OFFSET >> narrow))))
			return false;
		call->messages = message + (sizeof(struct user_mmsghdr) >> narrow);
		call->message_count--;
		call->segments = extent.address;
		call->segment_count = extent.count;
		/* Whatever the process has made of its memory since: no more than the call moved. */
		call->message_left = length < call->remaining ? length : call->remaining;
	}
	return true;
}

/* Whether more than one segment may be left. */
static __always_inline bool has_segments(const struct call *call)
{
	return call->segment_count + call->message_count > 1;
}

#endif
