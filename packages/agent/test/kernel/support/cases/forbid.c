/* SPDX-License-Identifier: Apache-2.0 */
/*
 * forbid CALL ERROR PROGRAM [ARGUMENT...]: becomes PROGRAM under a seccomp filter that answers CALL ("bpf" or
 * "perf_event_open") with ERROR ("EPERM" or "ENOSYS"), as a container engine's profile does, and allows everything else.
 */
#define _GNU_SOURCE
#include "cases.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void case_forbid(void)
{
	unsigned call = strcmp(arguments[0], "bpf") == 0 ? SYS_bpf : SYS_perf_event_open;
	unsigned error = strcmp(arguments[1], "EPERM") == 0 ? EPERM : ENOSYS;
	/* Whose number it is (the architecture) does not matter: 32-bit programs are not run under it. */
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, call, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(*filter), .filter = filter };

	/* As root, so no_new_privs, which would take file capabilities away, is not needed. */
	check(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), "a seccomp filter");
	execvp(arguments[2], arguments + 2);
	die(arguments[2]);
}
