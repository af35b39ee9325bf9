/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's types, as far as these programs read them. Only names and nesting matter: CO-RE finds
 * the offsets of the running kernel at load, so the build does not depend on the build machine's kernel.
 */
#ifndef TCPTRACKER_KERNEL_BPF_H
#define TCPTRACKER_KERNEL_BPF_H

#include <tcptracker/types.h>

/* bpf_helper_defs.h takes these by name. */
enum bpf_map_type_subset {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_PROG_ARRAY = 3,
	BPF_MAP_TYPE_PERF_EVENT_ARRAY = 4,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum bpf_update_flags {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
};

#define BPF_F_CURRENT_CPU 0xffffffffULL

enum bpf_ringbuf_flags {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
	BPF_RB_AVAIL_DATA = 0,
};

#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#if defined(__TARGET_ARCH_x86)
#define O_DIRECT 0040000
#elif defined(__TARGET_ARCH_arm64)
#define O_DIRECT 0200000
#endif
#define OVERLAYFS_SUPER_MAGIC 0x794c7630

#define EINTR 4
#define EISCONN 106
#define EALREADY 114
#define EINPROGRESS 115
#define ERESTARTSYS 512	/* what a caller sees as EINTR, mostly */

#define SOCK_STREAM 1

#define MSG_OOB 0x1
#define MSG_PEEK 0x2
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000
#define MSG_FASTOPEN 0x20000000

enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT = 2,
	TCP_SYN_RECV = 3,
	TCP_FIN_WAIT1 = 4,
	TCP_FIN_WAIT2 = 5,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE = 7,
	TCP_CLOSE_WAIT = 8,
	TCP_LAST_ACK = 9,
	TCP_CLOSING = 11,
};

/* Bit of skc_flags: the peer has sent its FIN. */
#define SOCK_DONE 1

typedef _Bool bool;
enum { false = 0, true = 1 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct qstr {
	const unsigned char *name;
};

struct inode;

struct dentry {
	struct qstr d_name;
	struct inode *d_inode;
};

struct path {
	struct dentry *dentry;
};

struct super_block {
	unsigned long s_magic;
};

struct xarray {
	void *xa_head;
};

struct xa_node {
	unsigned char shift;
	void *slots[64];
};

struct address_space {
	struct xarray i_pages;
};

struct inode {
	__u16 i_mode;
	struct super_block *i_sb;
	struct address_space *i_mapping;
};

struct file {
	struct inode *f_inode;
	struct path f_path;
	void *private_data;
	struct address_space *f_mapping;
	__s64 f_pos;
	unsigned int f_flags;
};

struct folio {
	struct address_space *mapping;
	unsigned long index;
};

struct page {
	struct address_space *mapping;
	unsigned long index;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct mm_struct {
	struct file *exe_file;
	unsigned long task_size;
};

struct thread_info {
	unsigned long flags;	/* arm64 */
	__u32 status;		/* x86 */
};

struct task_struct {
	struct thread_info thread_info;
	struct mm_struct *mm;
	struct files_struct *files;
	struct task_struct *group_leader;
	char comm[16];
	void *stack;
	__s32 pid;
	__s32 tgid;
	unsigned int flags;
};

struct in6_addr {
	union {
		__u8 u6_addr8[16];
	} in6_u;
};

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned long skc_flags;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
};

struct socket;

struct sock {
	struct sock_common __sk_common;
	__u16 sk_type;
	__u16 sk_protocol;
	__u32 sk_max_ack_backlog;
	void *sk_user_data;
	struct socket *sk_socket;
};

struct socket {
	struct sock *sk;
};

struct inet_sock {
	__be16 inet_sport;
};

struct inet_connection_sock {
	const void *icsk_ulp_ops;
};

struct tcp_sock {
	__u32 write_seq;	/* behind the last byte that a process gave */
	__u32 snd_una;
	__u32 rcv_nxt;
	__u32 copied_seq;	/* behind the last byte that a process took */
	__u32 urg_seq;
	__u64 bytes_acked;
	__u64 bytes_received;
	__u32 srtt_us;
	__u32 total_retrans;
};

#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long bx;
	unsigned long r10;
	unsigned long ax;
	unsigned long cx;
	unsigned long dx;
	unsigned long si;
	unsigned long di;
	unsigned long orig_ax;
};
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	__u64 regs[31];
	__u64 orig_x0;
	__s32 syscallno;
};
#endif

enum bpf_func_id___subset {
	BPF_FUNC_task_pt_regs___subset = 175,
};

/* Of overlayfs, which is a module in most kernels. */
struct ovl_inode {
	struct inode vfs_inode;
	struct dentry *__upperdentry;
};

enum pageflags {
	PG_uptodate = 2,
};

#pragma clang attribute pop

/*
 * What user space passes to the calls: a stable ABI, so not relocated. In the structures of 32-bit programs every
 * field (and every padding) is half as large, and so is its offset: a shift by one turns these into those.
 */
struct user_iovec {
	__u64 base;
	__u64 length;
};

struct user_msghdr {
	__u64 name;
	__u32 name_length;
	__u32 pad;
	__u64 segments;
	__u64 segment_count;
	__u64 control;
	__u64 control_length;
	__u32 flags;
	__u32 pad2;
};

struct user_mmsghdr {
	struct user_msghdr header;
	__u32 length;
	__u32 pad;
};

/* An entry of a ring of buffers that a process provides to io_uring. */
struct user_provided_buffer {
	__u64 base;
	__u32 length;
	__u16 id;
	__u16 reserved;
};

#endif
