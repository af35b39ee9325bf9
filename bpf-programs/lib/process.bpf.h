/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Who made the call. */
#ifndef TCPTRACKER_PROCESS_BPF_H
#define TCPTRACKER_PROCESS_BPF_H

#include <tcptracker/event.h>

#include "compat.bpf.h"
#include "helpers.bpf.h"

/*
 * Node.js renames its main thread to this, which tells nobody which program it is. The thread group
 * leader's name is the program's name for nearly everything else.
 */
static __always_inline bool is_uninformative(const char *name)
{
	return __builtin_memcmp(name, "MainThread", sizeof("MainThread")) == 0;
}

static __always_inline void read_process_name(char *name, struct task_struct *task, bool trusted)
{
	struct task_struct *leader = READ(trusted, task, group_leader);
	const unsigned char *executable;

	BPF_CORE_READ_INTO((char(*)[TT_NAME_LENGTH])name, leader, comm);
	if (!is_uninformative(name))
		return;
	executable = BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name);
	if (executable) {
		__builtin_memset(name, 0, TT_NAME_LENGTH);
		bpf_probe_read_kernel_str(name, TT_NAME_LENGTH, executable);
	}
}

static __always_inline void read_process(struct tt_record *record, struct task_struct *task, bool trusted)
{
	/* Not bpf_get_current_pid_tgid: a worker of io_uring runs for another thread. */
	record->pid = READ(trusted, task, tgid);
	record->tid = READ(trusted, task, pid);
	record->uid = bpf_get_current_uid_gid();
	record->cgroup = bpf_get_current_cgroup_id();
	read_process_name(record->name, task, trusted);
}

#endif
