// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The `tracepoint` strategy: one program on the exit of every system call. It works where kprobes are
 * compiled out and trampolines are refused; every call on the machine pays a little for it.
 *
 * Each program exists twice: typed (tp_btf, plain loads) and raw (raw_tp, for kernels that refuse the
 * typed one). The agent loads one set.
 */
#include "emit.bpf.h"
#include "gather.bpf.h"
#include "hook.bpf.h"
#include "identify.bpf.h"
#include "lifecycle.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sys_exit")
int sys_exit_btf(__u64 *context)
{
	return on_syscall_exit(context, (struct pt_regs *)context[0], context[1], true);
}

SEC("tp_btf/sys_exit")
int emit_btf(__u64 *context)
{
	return emit(context);
}

SEC("tp_btf/sys_exit")
int gather_btf(__u64 *context)
{
	return gather(context);
}

SEC("tp_btf/inet_sock_set_state")
int state_btf(__u64 *context)
{
	on_state((struct sock *)context[0], context[2]);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int destroy_btf(__u64 *context)
{
	on_destroy((struct sock *)context[0]);
	return 0;
}

SEC("raw_tp/sys_exit")
int sys_exit_raw(__u64 *context)
{
	return on_syscall_exit(context, (struct pt_regs *)context[0], context[1], false);
}

SEC("raw_tp/sys_exit")
int emit_raw(__u64 *context)
{
	return emit(context);
}

SEC("raw_tp/sys_exit")
int gather_raw(__u64 *context)
{
	return gather(context);
}

SEC("raw_tp/inet_sock_set_state")
int state_raw(__u64 *context)
{
	on_state((struct sock *)context[0], context[2]);
	return 0;
}

SEC("raw_tp/tcp_destroy_sock")
int destroy_raw(__u64 *context)
{
	on_destroy((struct sock *)context[0]);
	return 0;
}
