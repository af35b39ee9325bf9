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
#include "gather.bpf.h"
#include "io_uring.bpf.h"

/* The arguments were (ring, request, user_data, result, flags, ...) before 6.14 or so. */
SEC("raw_tp")
int io_uring_complete_values(__u64 *context)
{
	struct io_completion completion = {
		.ring = (struct io_ring_ctx *)context[0],
		.request = (struct io_kiocb *)context[1],
		.user_data = context[2],
		.result = context[3],
		.flags = context[4],
	};

	on_io_uring_complete(context, &completion);
	return 0;
}

SEC("raw_tp")
int io_uring_complete_cqe(__u64 *context)
{
	struct io_completion completion = {
		.ring = (struct io_ring_ctx *)context[0],
		.request = (struct io_kiocb *)context[1],
	};
	struct user_cqe cqe;

	if (bpf_probe_read_kernel(&cqe, sizeof(cqe), (void *)context[2]))
		return 0;
	completion.user_data = cqe.user_data;
	completion.result = cqe.result;
	completion.flags = cqe.flags;
	on_io_uring_complete(context, &completion);
	return 0;
}

SEC("raw_tp")
int io_uring_submit(__u64 *context)
{
	on_io_uring_submit((struct io_kiocb *)context[0]);
	return 0;
}

SEC("raw_tp")
int io_uring_wake(__u64 *context)
{
	on_io_uring_wake((struct io_kiocb *)context[0]);
	return 0;
}

SEC("raw_tp")
int record_io_uring(__u64 *context)
{
	record_pending(context);
	return 0;
}

SEC("raw_tp")
int emit_io_uring(__u64 *context)
{
	return emit(context, &io_uring_stages);
}

SEC("raw_tp")
int gather_io_uring(__u64 *context)
{
	return gather(context, &io_uring_stages);
}

#endif

#endif
