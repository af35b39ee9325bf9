/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every way out of a program is counted (enum tt_counter). */
#ifndef TCPTRACKER_COUNTERS_BPF_H
#define TCPTRACKER_COUNTERS_BPF_H

#include <tcptracker/event.h>

#include "helpers.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, TT_COUNTER_MAX);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline void count_many(enum tt_counter counter, __u64 n)
{
	__u32 key = counter;
	__u64 *value = bpf_map_lookup_elem(&counters, &key);

	if (!value)
		return;
	/* The compiler makes an atomic "or" of adding a constant 0, which kernels before 5.12 do not have. */
	barrier_var(n);
	/* Atomic although per CPU: a soft interrupt may run a life-cycle program in between. */
	__sync_fetch_and_add(value, n);
}

static __always_inline void count(enum tt_counter counter)
{
	count_many(counter, 1);
}

#endif
