/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The life-cycle programs, which every object has: typed where the kernel allows it, raw elsewhere. The second copy
 * is for kernels that preempt them (turns.bpf.h); it finds nothing left to do where the first has run.
 */
#ifndef TCPTRACKER_LIFECYCLE_PROGRAMS_BPF_H
#define TCPTRACKER_LIFECYCLE_PROGRAMS_BPF_H

#include "lifecycle.bpf.h"

SEC("tp_btf/inet_sock_set_state")
int state_btf(__u64 *context)
{
	on_state(context, (struct sock *)context[0], context[1], context[2]);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int destroy_btf(__u64 *context)
{
	on_destroy(context, (struct sock *)context[0]);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int state_btf_again(__u64 *context)
{
	on_state(context, (struct sock *)context[0], context[1], context[2]);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int destroy_btf_again(__u64 *context)
{
	on_destroy(context, (struct sock *)context[0]);
	return 0;
}

SEC("raw_tp/inet_sock_set_state")
int state_raw(__u64 *context)
{
	on_state(context, (struct sock *)context[0], context[1], context[2]);
	return 0;
}

SEC("raw_tp/tcp_destroy_sock")
int destroy_raw(__u64 *context)
{
	on_destroy(context, (struct sock *)context[0]);
	return 0;
}

SEC("raw_tp/inet_sock_set_state")
int state_raw_again(__u64 *context)
{
	on_state(context, (struct sock *)context[0], context[1], context[2]);
	return 0;
}

SEC("raw_tp/tcp_destroy_sock")
int destroy_raw_again(__u64 *context)
{
	on_destroy(context, (struct sock *)context[0]);
	return 0;
}

#endif
