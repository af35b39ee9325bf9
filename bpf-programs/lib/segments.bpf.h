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

/* A file, by its descriptor, and where in user memory the position in it is kept; 0: in the file itself. */
static __always_inline void use_file(struct call *call, __u64 descriptor, __u64 position)
{
	call->gap_cause = TT_GAP_SENDFILE;	/* unless the send_file stage has its bytes */
	call->sends_file = 1;
	call->mapping = 0;
	call->address = descriptor;
	call->segments = position;
}

static __always_inline void use_iovecs(struct call *call, __u64 iovecs, __u64 count)
{
	call->segments = iovecs;
	call->segment_count = count;
	call->message_left = call->data.size;
}

/*
 * Reads an extent into call->extent, the 32-bit one of a narrow call widened. Without a branch, and in map memory:
 * the verifier would follow either through every step of a walk.
 */
static __always_inline bool read_extent(struct call *call, __u64 address, __u8 narrow)
{
	struct extent *extent = &call->extent;
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
static __always_inline bool read_message(struct call *call, __u64 address, __u8 narrow)
{
	return read_extent(call, address + (SEGMENTS_OFFSET >> narrow), narrow);
}

static __always_inline void use_message(struct call *call, __u64 address)
{
	if (!read_message(call, address, call->narrow)) {
		count(TT_COUNTER_FAULT);
		call->bad_structures = 1;
		return;
	}
	use_iovecs(call, call->extent.address, call->extent.count);
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
	const struct extent *extent = &call->extent;
	__u8 narrow;

	if (call->bad_structures)
		return false;
	if (uring && call->picked_next < call->picked && call->message_left)
		return next_picked(call);
	narrow = call->narrow;
	asm volatile("" : "+r"(narrow));
	if (call->message_left) {
		if (!call->segment_count || !read_extent(call, call->segments, narrow))
			return false;
		call->segments += sizeof(struct user_iovec) >> narrow;
		call->segment_count--;
		call->address = extent->address;
		call->segment_left = extent->count < call->message_left ? extent->count : call->message_left;
	} else {
		__u64 message = call->messages;
		__u32 length;

		if (!call->message_count || !read_message(call, message, narrow) ||
		    bpf_probe_read_user(&length, sizeof(length),
					(void *)(message + (LENGTH_OFFSET >> narrow))))
			return false;
		call->messages = message + (sizeof(struct user_mmsghdr) >> narrow);
		call->message_count--;
		call->segments = extent->address;
		call->segment_count = extent->count;
		/* Whatever the process has made of its memory since: no more than the call moved. */
		call->message_left = length < call->remaining ? length : call->remaining;
	}
	return true;
}

/* Whether more than one segment may be left. */
static __always_inline bool has_segments(const struct call *call, const bool uring)
{
	return call->segment_count + call->message_count + (uring ? call->picked - call->picked_next : 0) > 1;
}

#endif
