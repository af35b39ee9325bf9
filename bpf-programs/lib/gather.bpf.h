/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Puts a call of many small segments (headers, chunk sizes, line ends) into one record. */
#ifndef TCPTRACKER_GATHER_BPF_H
#define TCPTRACKER_GATHER_BPF_H

#include <tcptracker/event.h>

#include "call.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"
#include "progress.bpf.h"
#include "ring.bpf.h"
#include "segments.bpf.h"

#define MAX_GATHERED 4096

/* Beyond these the emit stage goes on, segment by segment. */
#define MAX_GATHERED_SEGMENTS 64

/*
 * The verifier knows the range of a position and of a length, not that together they stay below `room`:
 * so twice the room is reserved.
 */
static __always_inline void gather_into(struct call *call, const __u32 room)
{
	struct tt_data *data = reserve(sizeof(*data) + 2 * room);
	__u64 filled, n;

	if (!data)
		return;
	*data = call->data;
	/* In memory, not in a register: there the verifier would follow its range through every iteration. */
	call->filled = 0;
	for (int i = 0; i < MAX_GATHERED_SEGMENTS && call->remaining; i++) {
		if (!call->segment_left && !next_segment(call))
			break;
		n = call->segment_left;
		filled = call->filled;
		if (!n)
			continue;
		if (n > room || filled >= room ||
		    bpf_probe_read_user((char *)(data + 1) + filled, n, (void *)call->address))
			break;
		call->filled += n;
		advance(call, n);
	}
	filled = call->filled;
	data->record.length = sizeof(*data) + filled;
	data->captured = filled;
	if (!filled) {
		bpf_ringbuf_discard(data, BPF_RB_NO_WAKEUP);
		return;
	}
	submit(data, sizeof(*data) + 2 * room);
	count_many(TT_COUNTER_DELIVERED_BYTES, filled);
}

static __always_inline int gather(void *context)
{
	struct call *call = current_call();

	if (!call)
		return 0;
	call->gathered = 1;
	if (emit_preliminaries(call)) {
		if (call->remaining <= 256)
			gather_into(call, 256);
		else if (call->remaining <= 1024)
			gather_into(call, 1024);
		else
			gather_into(call, MAX_GATHERED);
	}
	/* For whatever is left: a full ring, a missing page, too many segments. */
	bpf_tail_call(context, &stages, STAGE_EMIT);
	count(TT_COUNTER_TAIL_CALL_FAILED);
	return 0;
}

#endif
