/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The ring buffer: reserve, submit, and when to wake the reader. */
#ifndef TCPTRACKER_RING_BPF_H
#define TCPTRACKER_RING_BPF_H

#include <tcptracker/event.h>

#include "config.bpf.h"
#include "connection.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 16 * 1024 * 1024);
} ring SEC(".maps");

#define RING_HEADER 8

/*
 * A wake-up costs microseconds, so few are sent: one when the fill level crosses a mark (there are marks
 * all the way up, because two CPUs that reserve at once can hide a crossing from each other), and one when
 * the last was long ago, so that a reader may sleep while nothing happens. In between, its timer collects.
 */
static __always_inline void submit(struct tt_record *record, __u32 reserved)
{
	__u64 filled = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	__u64 before = filled - RING_HEADER - reserved;
	bool wakes = (filled >> wakeup_shift) != (before >> wakeup_shift);

	/* Signed: another CPU's later record may have been submitted first. */
	if ((__s64)(record->time - last_wakeup) > (__s64)wakeup_interval) {
		last_wakeup = record->time;
		wakes = true;
	}
	bpf_ringbuf_submit(record, wakes ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
	count(TT_COUNTER_RECORDS);
}

static __always_inline void *reserve(const __u32 size)
{
	void *record = bpf_ringbuf_reserve(&ring, size, 0);

	if (!record)
		count(TT_COUNTER_RING_FULL);
	return record;
}

static __always_inline bool emit_open(struct tt_connection *connection, const struct tt_record *from)
{
	struct tt_open *open = reserve(sizeof(*open));

	connection->open_owed = !open;
	if (!open)
		return false;
	open->record = *from;
	open->record.type = TT_RECORD_OPEN;
	open->record.direction = TT_DIRECTION_NONE;
	open->record.length = sizeof(*open);
	submit(&open->record, sizeof(*open));
	return true;
}

static __always_inline bool emit_gap(const struct tt_record *from, __u64 offset, __u64 size,
				     enum tt_gap_cause cause)
{
	struct tt_gap *gap = reserve(sizeof(*gap));

	if (!gap)
		return false;
	gap->record = *from;
	gap->record.type = TT_RECORD_GAP;
	gap->record.length = sizeof(*gap);
	gap->offset = offset;
	gap->size = size;
	gap->cause = cause;
	gap->reserved = 0;
	gap->reserved2 = 0;
	submit(&gap->record, sizeof(*gap));
	count_many(TT_COUNTER_GAP_BYTES, size);
	return true;
}

struct owed_gap {
	__u64 offset;
	__u64 size;
};

/* Flat in the ABI, because its generated layout knows no nested structures. */
_Static_assert(__builtin_offsetof(struct tt_connection, egress_owed_size) ==
		       __builtin_offsetof(struct tt_connection, egress_owed_offset) + 8 &&
	       __builtin_offsetof(struct tt_connection, ingress_owed_size) ==
		       __builtin_offsetof(struct tt_connection, ingress_owed_offset) + 8,
	       "an owed gap is its offset and its size");

static __always_inline struct owed_gap *owed_gap_of(struct tt_connection *connection, __u8 direction)
{
	return (struct owed_gap *)(direction == TT_DIRECTION_INGRESS ? &connection->ingress_owed_offset
								      : &connection->egress_owed_offset);
}

/*
 * What the ring had no room for is owed: declared by a gap record once there is room again. Where several
 * threads use one socket, bytes of another call may lie between two such runs: the second one is then
 * undeclared, since one entry cannot remember both.
 */
static __always_inline void owe_gap(struct tt_connection *connection, __u8 direction, __u64 offset, __u64 size)
{
	struct owed_gap *owed = owed_gap_of(connection, direction);

	count_many(TT_COUNTER_RING_FULL_BYTES, size);
	if (owed->size && owed->offset + owed->size != offset) {
		count_many(TT_COUNTER_UNDECLARED_BYTES, size);
		return;
	}
	if (!owed->size)
		owed->offset = offset;
	__sync_fetch_and_add(&owed->size, size);
}

static __always_inline bool pay_owed_gap(struct tt_connection *connection, const struct tt_record *from)
{
	struct owed_gap *owed = owed_gap_of(connection, from->direction);
	__u64 offset = owed->offset, size;

	if (!owed->size)
		return true;
	/* Whoever takes the debt pays it: no two CPUs declare the same bytes. */
	size = exchange(&owed->size, 0);
	if (!size || emit_gap(from, offset, size, TT_GAP_RING_FULL))
		return true;
	owed->offset = offset;
	__sync_fetch_and_add(&owed->size, size);
	return false;
}

#endif
