/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The stage instead of emit for sendfile: its bytes are in the pages of a file, not in user memory. */
#ifndef TCPTRACKER_SEND_FILE_BPF_H
#define TCPTRACKER_SEND_FILE_BPF_H

#include <tcptracker/event.h>

#include "call.bpf.h"
#include "counters.bpf.h"
#include "emit.bpf.h"
#include "helpers.bpf.h"
#include "page_cache.bpf.h"
#include "progress.bpf.h"

/* Per run; the program runs again, by tail call. */
#define FILE_STEPS 8

/* Where in the file the bytes were: its position has moved past them. */
static __always_inline bool locate_in_file(struct call *call, struct file *file)
{
	__u64 end;

	if (!call->segments)
		end = BPF_CORE_READ(file, f_pos);
	else if (bpf_probe_read_user(&end, sizeof(end), (void *)call->segments))
		return false;
	call->address = end - call->data.size;
	return end >= call->data.size;
}

/* Finds the file that was sent; until then the call knows its descriptor, and where its position is kept, if not in the file. */
static __always_inline bool find_sent_file(struct call *call)
{
	struct file *file;

	if (!known_page || call->narrow)
		return false;
	file = file_of_fd((struct task_struct *)bpf_get_current_task(), call->address, false);
	call->filled = 0;	/* bytes before `address` that were in no page */
	call->mapping = (__u64)pages_of_file(file);
	return call->mapping && locate_in_file(call, file);
}

/* Declares the pages that were not there, in one gap, when all of them are known. */
static __always_inline void declare_missing(void *context, struct call *call)
{
	__u64 n = call->filled;

	if (!n)
		return;
	call->filled = 0;
	if (!emit_gap(context, &call->data.record, call->data.offset - n, n, TT_GAP_SENDFILE))
		owe_at(call, call->data.offset - n, n);
}

static __always_inline bool is_missing(const struct call *call)
{
	return !find_folio((struct address_space *)call->mapping, call->address / PAGE);
}

static __always_inline void send_page(void *context, struct call *call, __u64 n)
{
	enum outcome outcome;

	/* After one page that is missing, the next one may be, too. */
	if (call->filled && !is_missing(call))
		declare_missing(context, call);
	outcome = call->filled ? UNREADABLE :
		  n > 1024     ? emit_payload(context, call, n, PAGE, FROM_PAGES) :
				 emit_payload(context, call, n, 1024, FROM_PAGES);
	if (outcome == REFUSED) {
		owe(call, n);
		return;
	}
	if (outcome == UNREADABLE)
		call->filled += n;
	advance(call, n);
}

/* Emits one record; false when the call is done. */
static __always_inline bool send_file_step(void *context, struct call *call)
{
	__u64 n = PAGE - call->address % PAGE;

	if (!call->remaining)
		return false;
	if (!emit_preliminaries(context, call)) {
		owe_at(call, call->data.offset - call->filled, call->filled + call->remaining);
		call->filled = 0;
		return false;
	}
	if (!call->capture) {
		declare_missing(context, call);
		if (!snaplen)
			emit_payload(context, call, 0, 0, FROM_USER);	/* the call is worth a record all the same */
		declare_gap(context, call, call->remaining, TT_GAP_SNAPLEN);
		return false;
	}
	if (n > call->remaining)
		n = call->remaining;
	if (n > call->capture)
		n = call->capture;
	send_page(context, call, n);
	return true;
}

static __always_inline int send_file(void *context, void *stages)
{
	struct call *call = current_call();

	if (!call)
		return 0;
	if (!call->mapping && !find_sent_file(call)) {
		/* Back to emit, which declares what cannot be captured. */
		call->mapping = 0;
		call->sends_file = 0;
		return enter_stage(context, stages, TT_STAGE_EMIT);
	}
	for (int i = 0; i < FILE_STEPS; i++)
		if (!send_file_step(context, call)) {
			declare_missing(context, call);
			emit_preliminaries(context, call);
			release_call(call);
			return 0;
		}
	bpf_tail_call(context, stages, TT_STAGE_SEND_FILE);
	/* Too many tail calls: the rest is more than these programs walk. */
	count(TT_COUNTER_SEGMENTS_EXCEEDED);
	declare_missing(context, call);
	declare_gap(context, call, call->remaining, TT_GAP_SEGMENTS);
	release_call(call);
	return 0;
}

#endif
