/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* From a file descriptor to the TCP socket behind it. */
#ifndef TCPTRACKER_SOCK_BPF_H
#define TCPTRACKER_SOCK_BPF_H

#include "compat.bpf.h"
#include "counters.bpf.h"
#include "helpers.bpf.h"

/* The sock of a file, or NULL (counted) when it is not a socket. */
static __always_inline struct sock *sock_of_file(struct file *file)
{
	struct socket *socket;

	if (!file) {
		count(TT_COUNTER_NO_FILE);
		return 0;
	}
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK) {
		count(TT_COUNTER_NOT_A_SOCKET);
		return 0;
	}
	socket = BPF_CORE_READ(file, private_data);
	return BPF_CORE_READ(socket, sk);
}

/* The open file of a descriptor of a task; NULL when there is none. */
static __always_inline struct file *file_of_fd(struct task_struct *task, __u64 argument, bool trusted)
{
	__u32 fd = argument;
	struct files_struct *files = READ(trusted, task, files);
	struct fdtable *table = READ(trusted, files, fdt);
	struct file *file = 0;

	if (fd < READ(trusted, table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), READ(trusted, table, fd) + fd);
	return file;
}

/* The sock of a descriptor of a task. */
static __always_inline struct sock *sock_of_fd(struct task_struct *task, __u64 argument, bool trusted)
{
	return sock_of_file(file_of_fd(task, argument, trusted));
}

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	/* Bit fields before 5.6. A raw socket may carry TCP's protocol number, too. */
	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ_BITFIELD_PROBED(sk, sk_type) == SOCK_STREAM &&
	       BPF_CORE_READ_BITFIELD_PROBED(sk, sk_protocol) == IPPROTO_TCP;
}

#endif
