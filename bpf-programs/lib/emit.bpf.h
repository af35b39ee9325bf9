/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The last stage: puts a call that the filter accepted into the ring. */
#ifndef TCPTRACKER_EMIT_BPF_H
#define TCPTRACKER_EMIT_BPF_H

#include <tcptracker/event.h>

#include "call.bpf.h"
#include "connection.bpf.h"
#include "counters.bpf.h"
#include "progress.bpf.h"
#include "helpers.bpf.h"
#include "output.bpf.h"
#include "page_cache.bpf.h"
#include "segments.bpf.h"

/*
 * Steps per run of the program; it runs again, by tail call, until the call is done. The verifier follows each of
 * them, those of old kernels with less skill, and gives up after a million instructions.
 */
#if defined(TT_NO_ATOMICS)
#define STEPS 16
#else
#define STEPS 24
#endif

enum outcome {
	EMITTED,
	REFUSED,	/* the ring is full */
	UNREADABLE,	/* the user's page is not there */
};

/* Where `address` of a call leads. */
enum source {
	FROM_USER,
	FROM_PAGES,	/* a position in the file whose pages are in call->mapping */
};

static __always_inline bool copy_payload(void *to, __u64 n, const struct call *call, const enum source source)
{
	if (source == FROM_PAGES)
		return copy_from_page(to, n, (struct address_space *)call->mapping, call->address);
	return bpf_probe_read_user(to, n, (void *)call->address) == 0;
}

/*
 * One data record with up to `room` payload bytes. `room` is a constant: the ring reserves constant
 * sizes only. The size classes must stay apart (the barrier), or clang merges their tails and the
 * verifier loses the connection between a reservation and its size.
 */
static __always_inline enum outcome emit_payload(void *context, struct call *call, __u64 n, const __u32 room,
						  const enum source source)
{
	struct tt_data *data = reserve_payload(call, room);

	if (!data)
		return REFUSED;
	if (n > room)
		n = room;
	asm volatile("" : "+r"(n) : "i"(room));
	if (n > room)
		n = room;
	*data = call->data;
	data->record.length = sizeof(*data) + n;
	data->captured = n;
	if (n && !copy_payload(data + 1, n, call, source)) {
		discard_payload(data);
		return UNREADABLE;
	}
	if (!submit_payload(context, data, n, room))
		return REFUSED;
	count_many(TT_COUNTER_DELIVERED_BYTES, n);
	return EMITTED;
}

#if defined(TT_PERFBUF)

static __always_inline __u64 chunk(__u64 n)
{
	return n > LARGEST_PAYLOAD ? LARGEST_PAYLOAD : n;
}

static __always_inline enum outcome emit_chunk(void *context, struct call *call, __u64 n)
{
	return emit_payload(context, call, n, LARGEST_PAYLOAD, FROM_USER);
}

#else

/* How many of `n` bytes go into the next record: large runs are cut so that little of a class stays empty. */
static __always_inline __u64 chunk(__u64 n)
{
	if (n >= LARGEST_PAYLOAD)
		return LARGEST_PAYLOAD;
	if (n > 32768)
		return n;
	if (n >= 16384)
		return 16384;
	if (n > 8192)
		return n;
	return n > 4096 ? 4096 : n;
}

static __always_inline enum outcome emit_chunk(void *context, struct call *call, __u64 n)
{
	if (n > 16384)
		return emit_payload(context, call, n, LARGEST_PAYLOAD, FROM_USER);
	if (n > 4096)
		return emit_payload(context, call, n, 16384, FROM_USER);
	if (n > 1024)
		return emit_payload(context, call, n, 4096, FROM_USER);
	if (n > 256)
		return emit_payload(context, call, n, 1024, FROM_USER);
	return emit_payload(context, call, n, 256, FROM_USER);
}

#endif

static __always_inline void emit_captured(void *context, struct call *call)
{
	__u64 n = call->segment_left < call->capture ? call->segment_left : call->capture;
	__u64 to_page_end = PAGE - (call->address & (PAGE - 1));
	enum outcome outcome;

	n = chunk(n);
	if (call->page_by_page && n > to_page_end)
		n = to_page_end;
	outcome = emit_chunk(context, call, n);
	if (outcome == EMITTED)
		advance(call, n);
	else if (outcome == REFUSED)
		owe(call, n);
	else if (n > to_page_end)
		call->page_by_page = 1;
	else
		declare_gap(context, call, n, TT_GAP_FAULT);
}

/* Emits one record or goes one step towards the next byte; false when the call is done. */
static __always_inline bool emit_step(void *context, struct call *call, const bool uring)
{
	if (!call->remaining)
		return false;
	if (!emit_preliminaries(context, call)) {
		owe(call, call->remaining);
		return false;
	}
	if (call->gap_cause) {
		declare_gap(context, call, call->remaining, call->gap_cause);
		return false;
	}
	if (!call->capture) {
		if (!snaplen)
			emit_payload(context, call, 0, 0, FROM_USER);	/* the call is worth a record all the same */
		declare_gap(context, call, call->remaining, TT_GAP_SNAPLEN);
		return false;
	}
	if (!call->segment_left && !next_segment(call, uring)) {
		declare_gap(context, call, call->remaining, uring ? TT_GAP_IO_URING : TT_GAP_FAULT);
		return false;
	}
	if (call->segment_left)
		emit_captured(context, call);
	return true;
}

/* `stages` is where the program and those after it are; `uring` as for next_segment. */
static __always_inline int emit(void *context, void *stages, const bool uring)
{
	struct call *call = current_call();

	if (!call)
		return 0;
	if (!call->gathered && has_segments(call, uring))
		bpf_tail_call(context, stages, TT_STAGE_GATHER);
	if (!uring && call->sends_file)
		bpf_tail_call(context, stages, TT_STAGE_SEND_FILE);
	/* A third as many for io_uring, where each costs the verifier more: that of 6.1 gives up not far above half as many. */
	for (int i = 0; i < (uring ? STEPS / 3 : STEPS); i++)
		if (!emit_step(context, call, uring)) {
			emit_preliminaries(context, call);
			release_call(call);
			return 0;
		}
	/* The segments that follow may be small ones again. */
	bpf_tail_call(context, stages, has_segments(call, uring) ? TT_STAGE_GATHER : TT_STAGE_EMIT);
	/* Too many tail calls: the rest of the call is more than these programs walk. */
	count(TT_COUNTER_SEGMENTS_EXCEEDED);
	declare_gap(context, call, call->remaining, TT_GAP_SEGMENTS);
	release_call(call);
	return 0;
}

#endif
