/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The records that are about a connection rather than its bytes: open, gap, and what is owed of them. */
#ifndef TCPTRACKER_RECORDS_BPF_H
#define TCPTRACKER_RECORDS_BPF_H

#include <tcptracker/event.h>

#include "compat.bpf.h"
#include "connection.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"
#include "output.bpf.h"

static __always_inline bool emit_open(void *context, struct tt_connection *connection, const struct tt_record *from)
{
	OUTGOING(struct tt_open, open);

	connection->open_owed = 1;
	if (!open)
		return false;
	open->record = *from;
	open->record.type = TT_RECORD_OPEN;
	open->record.direction = TT_DIRECTION_NONE;
	open->record.length = sizeof(*open);
	connection->open_owed = !submit(context, &open->record, sizeof(*open));
	return !connection->open_owed;
}

static __always_inline bool emit_gap(void *context, const struct tt_record *from, __u64 offset,
				     __u64 size, enum tt_gap_cause cause)
{
	OUTGOING(struct tt_gap, gap);

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
	if (!submit(context, &gap->record, sizeof(*gap)))
		return false;
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
	fetch_add(connection->close.record.connection, &owed->size, size);
}

static __always_inline bool pay_owed_gap(void *context, struct tt_connection *connection,
					 const struct tt_record *from)
{
	struct owed_gap *owed = owed_gap_of(connection, from->direction);
	__u64 offset = owed->offset, size;

	if (!owed->size)
		return true;
	/* Whoever takes the debt pays it: no two CPUs declare the same bytes. */
	size = exchange(connection->close.record.connection, &owed->size, 0);
	if (!size || emit_gap(context, from, offset, size, TT_GAP_RING_FULL))
		return true;
	owed->offset = offset;
	fetch_add(connection->close.record.connection, &owed->size, size);
	return false;
}

#endif
