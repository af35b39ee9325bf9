// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The `tracepoint` strategy: one program on the exit of every system call. It works where kprobes are
 * compiled out and trampolines are refused; every call on the machine pays a little for it.
 *
 * Each program exists twice: typed (tp_btf, plain loads) and raw (raw_tp, for kernels that refuse the
 * typed one). The agent loads one set.
 */
#include "emit.bpf.h"
#include "filter.bpf.h"
#include "lifecycle_programs.bpf.h"
#include "gather.bpf.h"
#include "identify.bpf.h"
#include "io_uring_programs.bpf.h"
#include "send_file.bpf.h"
#include "sys_exit.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

#if !defined(TT_NO_ATOMICS)

SEC("tp_btf/sys_exit")
int sys_exit_btf(__u64 *context)
{
	return on_sys_exit(context, (struct pt_regs *)context[0], context[1], FIRST_COPY, true);
}

SEC("tp_btf/sys_exit")
int sys_exit_btf_again(__u64 *context)
{
	return on_sys_exit(context, (struct pt_regs *)context[0], context[1], SECOND_COPY, true);
}

SEC("tp_btf/sys_exit")
int messages_btf(__u64 *context)
{
	return on_stage(context, &stages, (struct pt_regs *)context[0], context[1], true, true);
}

SEC("tp_btf/sys_exit")
int emit_btf(__u64 *context)
{
	return emit(context, &stages, false);
}

SEC("tp_btf/sys_exit")
int gather_btf(__u64 *context)
{
	return gather(context, &stages, false);
}

SEC("tp_btf/sys_exit")
int send_file_btf(__u64 *context)
{
	return send_file(context, &stages);
}

SEC("tp_btf/sys_exit")
int prefix_btf(__u64 *context)
{
	return prefix(context, &stages, false);
}

SEC("tp_btf/sys_exit")
int reject_btf(__u64 *context)
{
	return reject(context, &stages);
}

SEC("raw_tp/sys_exit")
int sys_exit_raw_again(__u64 *context)
{
	return on_sys_exit(context, (struct pt_regs *)context[0], context[1], SECOND_COPY, false);
}

#endif

SEC("raw_tp/sys_exit")
int sys_exit_raw(__u64 *context)
{
	return on_sys_exit(context, (struct pt_regs *)context[0], context[1], FIRST_COPY, false);
}

SEC("raw_tp/sys_exit")
int messages_raw(__u64 *context)
{
	return on_stage(context, &stages, (struct pt_regs *)context[0], context[1], true, false);
}

SEC("raw_tp/sys_exit")
int emit_raw(__u64 *context)
{
	return emit(context, &stages, false);
}

SEC("raw_tp/sys_exit")
int gather_raw(__u64 *context)
{
	return gather(context, &stages, false);
}

SEC("raw_tp/sys_exit")
int send_file_raw(__u64 *context)
{
	return send_file(context, &stages);
}

SEC("raw_tp/sys_exit")
int prefix_raw(__u64 *context)
{
	return prefix(context, &stages, false);
}

SEC("raw_tp/sys_exit")
int reject_raw(__u64 *context)
{
	return reject(context, &stages);
}
