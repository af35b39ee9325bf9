/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The stages around a compiled filter, which is made by user space (packages/filter/src/bpf) and sits in the slots
 * TT_STAGE_FILTER and TT_STAGE_FILTER_PAYLOAD: what it reads and where it goes on is `struct tt_filter_input`.
 */
#ifndef TCPTRACKER_FILTER_BPF_H
#define TCPTRACKER_FILTER_BPF_H

#include <tcptracker/event.h>

#include "call.bpf.h"
#include "config.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"
#include "segments.bpf.h"
#include "send_file.bpf.h"

/* Segments that are looked at for a prefix. When it takes more, user space judges the call. */
#if defined(TT_NO_ATOMICS)
#define PREFIX_STEPS 16
#else
#define PREFIX_STEPS 32
#endif

static __always_inline __u32 prefix_limit(void)
{
	return snaplen < TT_PREFIX_LENGTH ? snaplen : TT_PREFIX_LENGTH;
}

static __always_inline bool has_prefix(const struct call *call)
{
	return !call->remaining || call->prefix_length >= prefix_limit();
}

/* Walks on until the prefix is complete; false when it cannot be read here. `uring` as for next_segment. */
static __always_inline bool collect_prefix(struct call *call, const bool uring)
{
	__u64 n, filled;

	for (int i = 0; i < PREFIX_STEPS && !has_prefix(call); i++) {
		if (!call->segment_left && !next_segment(call, uring))
			return false;
		filled = call->prefix_length;
		n = call->segment_left;
		if (filled >= TT_PREFIX_LENGTH)
			return false;
		if (n > prefix_limit() - filled)
			n = prefix_limit() - filled;
		if (!n)
			continue;
		asm volatile("" : "+r"(n));
		if (n > TT_PREFIX_LENGTH || bpf_probe_read_user(call->prefix + filled, n, (void *)call->address))
			return false;
		call->prefix_length += n;
		call->remaining -= n;
		call->address += n;
		call->segment_left -= n;
		call->message_left -= n;
	}
	return has_prefix(call);
}

/* The prefix of what sendfile sends, unless it goes over the end of a page. */
static __always_inline bool collect_file_prefix(struct call *call)
{
	__u64 n = call->remaining < prefix_limit() ? call->remaining : prefix_limit();

	if (!find_sent_file(call) || n > PAGE - call->address % PAGE)
		return false;
	asm volatile("" : "+r"(n));
	if (!n || n > TT_PREFIX_LENGTH)
		return false;
	call->prefix_length = n;
	return copy_from_page(call->prefix, n, (struct address_space *)call->mapping, call->address);
}

/* Brings the first bytes that the call would capture to where the filter reads them; emit walks over them once more. */
static __always_inline int prefix(void *context, void *stages, const bool uring)
{
	struct call *call = current_call();
	bool complete = true;

	if (!call)
		return 0;
	call->prefix_length = 0;
	/* What is not captured is no payload to the filter. */
	if ((!call->gap_cause || call->sends_file) && prefix_limit()) {
		call->walk_before = call->walk;
		complete = !uring && call->sends_file ? collect_file_prefix(call) : collect_prefix(call, uring);
		call->walk = call->walk_before;
		call->mapping = 0;
	}
	bpf_tail_call(context, stages, complete ? TT_STAGE_FILTER_PAYLOAD : TT_STAGE_EMIT);
	count(TT_COUNTER_TAIL_CALL_FAILED);
	count_many(TT_COUNTER_UNDECLARED_BYTES, call->remaining);
	release_call(call);
	return 0;
}

/* Where a call ends that the filter does not want. */
static __always_inline int reject(void *context, void *stages)
{
	struct call *call = current_call();

	if (!call)
		return 0;
	if (call->remaining) {
		count(TT_COUNTER_FILTERED_CALLS);
		count_many(TT_COUNTER_FILTERED_BYTES, call->remaining);
		call->remaining = 0;
		/* An open record is judged apart from the bytes that came with it: by user space. */
		if (call->opens && !(call->verdict & TT_VERDICT_REJECTED)) {
			call->gathered = 1;
			call->sends_file = 0;
			bpf_tail_call(context, stages, TT_STAGE_EMIT);
			count(TT_COUNTER_TAIL_CALL_FAILED);
		}
	}
	release_call(call);
	return 0;
}

#endif
