/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The programs of io_uring, which every object has. All of them raw: a kernel gives the request without a type.
 * The agent knows where to attach them (packages/agent/src/kernel/io-uring.ts).
 */
#ifndef TCPTRACKER_IO_URING_PROGRAMS_BPF_H
#define TCPTRACKER_IO_URING_PROGRAMS_BPF_H

/* Without the atomics (5.12) there is nothing to attach to, either. */
#if !defined(TT_NO_ATOMICS)

#include "emit.bpf.h"
#include "filter.bpf.h"
#include "gather.bpf.h"
#include "io_uring.bpf.h"
#include "turns.bpf.h"

/* The arguments were (ring, request, user_data, result, flags, ...) before 6.14 or so. */
static __always_inline int on_complete_values(__u64 *context, enum copy copy)
{
	struct io_completion completion = {
		.ring = (struct io_ring_ctx *)context[0],
		.request = (struct io_kiocb *)context[1],
		.user_data = context[2],
		.result = context[3],
		.flags = context[4],
	};

	if (takes_turn(copy))
		on_io_uring_complete(context, &completion);
	return 0;
}

static __always_inline int on_complete_cqe(__u64 *context, enum copy copy)
{
	struct io_completion completion = {
		.ring = (struct io_ring_ctx *)context[0],
		.request = (struct io_kiocb *)context[1],
	};
	struct user_cqe cqe;

	if (!takes_turn(copy) || bpf_probe_read_kernel(&cqe, sizeof(cqe), (void *)context[2]))
		return 0;
	completion.user_data = cqe.user_data;
	completion.result = cqe.result;
	completion.flags = cqe.flags;
	on_io_uring_complete(context, &completion);
	return 0;
}

#define COPIES(suffix, copy)                                                                           \
	SEC("raw_tp")                                                                                  \
	int io_uring_complete_values##suffix(__u64 *context)                                           \
	{                                                                                              \
		return on_complete_values(context, copy);                                              \
	}                                                                                              \
	SEC("raw_tp")                                                                                  \
	int io_uring_complete_cqe##suffix(__u64 *context)                                              \
	{                                                                                              \
		return on_complete_cqe(context, copy);                                                 \
	}                                                                                              \
	/* These two only write down what is so: to do it twice does no harm. */                       \
	SEC("raw_tp")                                                                                  \
	int io_uring_submit##suffix(__u64 *context)                                                    \
	{                                                                                              \
		on_io_uring_submit((struct io_kiocb *)context[0]);                                     \
		return 0;                                                                              \
	}                                                                                              \
	SEC("raw_tp")                                                                                  \
	int io_uring_wake##suffix(__u64 *context)                                                      \
	{                                                                                              \
		on_io_uring_wake((struct io_kiocb *)context[0]);                                       \
		return 0;                                                                              \
	}
COPIES(, FIRST_COPY)
COPIES(_again, SECOND_COPY)
#undef COPIES

SEC("raw_tp")
int record_io_uring(__u64 *context)
{
	record_pending(context);
	return 0;
}

SEC("raw_tp")
int emit_io_uring(__u64 *context)
{
	return emit(context, &io_uring_stages, true);
}

SEC("raw_tp")
int gather_io_uring(__u64 *context)
{
	return gather(context, &io_uring_stages, true);
}

SEC("raw_tp")
int prefix_io_uring(__u64 *context)
{
	return prefix(context, &io_uring_stages, true);
}

SEC("raw_tp")
int reject_io_uring(__u64 *context)
{
	return reject(context, &io_uring_stages);
}

#endif

#endif
