/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Output through perf buffers, for kernels before 5.8: a record is put together on the stack or in a
 * scratch area and then copied. The kernel wakes the reader by a watermark that the reader has set.
 */
#ifndef TCPTRACKER_PERFBUF_BPF_H
#define TCPTRACKER_PERFBUF_BPF_H

#include <tcptracker/event.h>

#include "call.bpf.h"
#include "config.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"

/* One perf event per CPU; the reader puts them there. */
struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} ring SEC(".maps");

/* A perf sample may have 64 KiB, a value of a per-CPU array 32. */
#define LARGEST_PAYLOAD 16384

struct outgoing_data {
	struct tt_data data;
	char payload[LARGEST_PAYLOAD];
};

/* By slot of the call. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, CALL_SLOTS);
	__type(key, __u32);
	__type(value, struct outgoing_data);
} outgoing SEC(".maps");

static __always_inline bool output(void *context, void *record, __u64 length)
{
	if (bpf_perf_event_output(context, &ring, BPF_F_CURRENT_CPU, record, length)) {
		count(TT_COUNTER_RING_FULL);
		return false;
	}
	count(TT_COUNTER_RECORDS);
	return true;
}

static __always_inline bool submit(void *context, struct tt_record *record, __u32 length)
{
	return output(context, record, length);
}

/* Declares `name`, a pointer to where a record is to be written. */
#define OUTGOING(type, name) type name##_storage, *name = &name##_storage

static __always_inline struct tt_data *reserve_payload(const struct call *call,
						       const __u32 room __attribute__((unused)))
{
	__u32 slot = call->slot;
	struct outgoing_data *area = bpf_map_lookup_elem(&outgoing, &slot);

	return area ? &area->data : 0;
}

static __always_inline bool submit_payload(void *context, struct tt_data *data, __u64 n, const __u32 room)
{
	asm volatile("" : "+r"(n));
	if (n > room)
		return false;
	return output(context, data, sizeof(*data) + n);
}

static __always_inline void discard_payload(struct tt_data *data __attribute__((unused)))
{
}

#endif
