/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Output through a ring buffer: reserve, submit, and when to wake the reader. */
#ifndef TCPTRACKER_RINGBUF_BPF_H
#define TCPTRACKER_RINGBUF_BPF_H

#include <tcptracker/event.h>

#include "config.bpf.h"
#include "call.bpf.h"
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
static __always_inline bool submit(void *context __attribute__((unused)), struct tt_record *record, __u32 reserved)
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
	return true;
}

static __always_inline void *reserve(const __u32 size)
{
	void *record = bpf_ringbuf_reserve(&ring, size, 0);

	if (!record)
		count(TT_COUNTER_RING_FULL);
	return record;
}

/* Declares `name`, a pointer to where a record is to be written; NULL when there is no room. */
#define OUTGOING(type, name) type *name = reserve(sizeof(type))

/* Large payloads are cut into records of this many bytes. */
#define LARGEST_PAYLOAD 65536

static __always_inline struct tt_data *reserve_payload(const struct call *call __attribute__((unused)),
						       const __u32 room)
{
	return reserve(sizeof(struct tt_data) + room);
}

static __always_inline bool submit_payload(void *context, struct tt_data *data, __u64 n __attribute__((unused)),
					   const __u32 room)
{
	return submit(context, &data->record, sizeof(*data) + room);
}

static __always_inline void discard_payload(struct tt_data *data)
{
	bpf_ringbuf_discard(data, BPF_RB_NO_WAKEUP);
}

#endif
