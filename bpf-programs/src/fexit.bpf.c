// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The `fexit` strategy: a trampoline on the return of each system call of the table. Nothing else on the
 * machine pays, and the arguments come with it. Needs a kernel that describes pt_regs in its BTF (not 5.10 on
 * x86-64) and, on arm64, 6.12.
 */
#include "emit.bpf.h"
#include "filter.bpf.h"
#include "gather.bpf.h"
#include "hook.bpf.h"
#include "identify.bpf.h"
#include "io_uring_programs.bpf.h"
#include "lifecycle_programs.bpf.h"
#include "send_file.bpf.h"
#include "sys_exit.bpf.h"
#include "turns.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/*
 * All programs of an array must be for functions of the same type, names of parameters included, and the calls on
 * files and those on sockets differ in that (fs/ and net/ of the kernel, seen from 6.12 on).
 */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TT_STAGE_MAX);
	__type(key, __u32);
	__type(value, __u32);
} file_stages SEC(".maps");

static __always_inline void *stages_of(__u8 syscall)
{
	return syscall <= TT_SYSCALL_PWRITEV2 || syscall == TT_SYSCALL_SENDFILE || syscall == TT_SYSCALL_SPLICE ?
		       (void *)&file_stages :
		       (void *)&stages;
}

static __always_inline int on_fexit(void *context, struct pt_regs *regs, long result, enum copy copy,
				    const struct syscall syscall)
{
	struct syscall_exit exit = { .result = result };
	struct task_struct *task;
	bool compat;

	if (!concerns_tap(&syscall, result, copy))
		return 0;
	if (!takes_turn(copy))
		return 0;
	if (syscall.shape == TT_SHAPE_MESSAGES)
		return enter_stage(context, &stages, TT_STAGE_MESSAGES);
	task = current_task(true);
	/* These functions serve x32 callers too and, on arm64, 32-bit ones. */
	compat = is_compat_call(task, true);
	exit.narrow = passes_narrow(read_syscall_number(regs, true), compat);
	read_registers(regs, &exit, compat, true);
	on_return(context, stages_of(syscall.id), &syscall, &exit, task, true);
	return 0;
}

#define HOOK(name, function, suffix, copy, shape, direction)                                            \
	SEC("fexit.id/" SYSCALL_FUNCTION(#function))                                                      \
	int fexit_##function##suffix(__u64 *context)                                                   \
	{                                                                                              \
		return on_fexit(context, (struct pt_regs *)context[0], context[1], copy,               \
				(struct syscall)SYSCALL(name, shape, direction));                      \
	}
#define X(name, function, x86_64, arm64, i386, arm, shape, direction)                                  \
	HOOK(name, function, , FIRST_COPY, shape, direction)                                           \
	HOOK(name, function, _again, SECOND_COPY, shape, direction)
TT_SYSCALLS(X)
#undef X

/* The functions of 32-bit programs: all lead to one program, which looks the call up by number. */
#define HOOK_32(function, suffix, copy, stages)                                                        \
	SEC("fexit.id/__" #function)                                                                      \
	int fexit32_##function##suffix(__u64 *context)                                                 \
	{                                                                                              \
		return takes_turn(copy) ? enter_stage(context, &stages, TT_STAGE_COMPAT) : 0;          \
	}
#define X(function)                                                                                    \
	HOOK_32(function, , FIRST_COPY, file_stages)                                                   \
	HOOK_32(function, _again, SECOND_COPY, file_stages)
TT_FILE_FUNCTIONS_32(X)
#undef X
#define X(function)                                                                                    \
	HOOK_32(function, , FIRST_COPY, stages)                                                        \
	HOOK_32(function, _again, SECOND_COPY, stages)
TT_SOCKET_FUNCTIONS_32(X)
#undef X

/* Stages must be of the type of their hooks, and name a function of the same type. */
#define STAGE(stage, suffix, function, stages)                                                         \
	SEC("fexit.id/" SYSCALL_FUNCTION(#function))                                                      \
	int stage##_##suffix(__u64 *context)                                                           \
	{                                                                                              \
		return stage(context, &stages, false);                                                        \
	}
STAGE(emit, fexit, sendto, stages)
STAGE(gather, fexit, sendto, stages)
STAGE(emit, fexit_file, read, file_stages)
STAGE(gather, fexit_file, read, file_stages)
STAGE(prefix, fexit, sendto, stages)
STAGE(prefix, fexit_file, read, file_stages)

#define REJECT(suffix, function, stages)                                                               \
	SEC("fexit.id/" SYSCALL_FUNCTION(#function))                                                   \
	int reject_##suffix(__u64 *context)                                                            \
	{                                                                                              \
		return reject(context, &stages);                                                       \
	}
REJECT(fexit, sendto, stages)
REJECT(fexit_file, read, file_stages)

SEC("fexit.id/" SYSCALL_FUNCTION("read"))
int send_file_fexit_file(__u64 *context)
{
	return send_file(context, &file_stages);
}

#define NUMBERED_STAGE(name, function, stages, messages)                                               \
	SEC("fexit.id/" SYSCALL_FUNCTION(#function))                                                      \
	int name(__u64 *context)                                                                       \
	{                                                                                              \
		return on_stage(context, &stages, (struct pt_regs *)context[0], context[1], messages,  \
				true);                                                                 \
	}
NUMBERED_STAGE(messages_fexit, sendto, stages, true)
NUMBERED_STAGE(compat_fexit, sendto, stages, false)
NUMBERED_STAGE(compat_fexit_file, read, file_stages, false)
