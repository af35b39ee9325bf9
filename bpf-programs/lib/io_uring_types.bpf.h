/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's types of io_uring, as far as these programs read them; see kernel.bpf.h. Those of 6.0 and later. */
#ifndef TCPTRACKER_IO_URING_TYPES_BPF_H
#define TCPTRACKER_IO_URING_TYPES_BPF_H

#include "helpers.bpf.h"

#define PF_IO_WORKER 0x10

#define REQ_F_BUFFER_SELECT (1 << 5)

#define IORING_CQE_F_BUFFER (1 << 0)
#define IORING_CQE_F_BUF_MORE (1 << 4)
#define IORING_CQE_BUFFER_SHIFT 16

#define IORING_RECV_MULTISHOT (1 << 1)
#define IORING_RECVSEND_BUNDLE (1 << 4)
#define IORING_SEND_VECTORIZED (1 << 5)

#define IORING_FILE_INDEX_ALLOC 0xffffffff

#define SPLICE_F_FD_IN_FIXED (1U << 31)

/*
 * In io_buffer_list.flags: a buffer is used piece by piece. One bit when the memory is a region of its own
 * (6.14 or so), another one before, when that one meant something else.
 */
#define IOBL_INC_OF_REGION (1 << 1)
#define IOBL_INC (1 << 2)

/* The low bits of a registered file's pointer say other things. */
#define FILE_POINTER_MASK (~7UL)

enum io_uring_opcode {
	IORING_OP_RECVMSG = 10,
	IORING_OP_ACCEPT = 13,
	IORING_OP_SEND = 26,
	IORING_OP_RECV = 27,
	IORING_OP_READ_MULTISHOT = 49,
	IO_URING_OPCODES = 64,
};

/* What a completion is (an ABI), and at the same time the argument of the tracepoint from about 6.14 on. */
struct user_cqe {
	__u64 user_data;
	__s32 result;
	__u32 flags;
};

/* At the head of the buffer that a multishot recvmsg fills; the name, the control data and the bytes follow. */
struct user_recvmsg_out {
	__u32 name_length;
	__u32 control_length;
	__u32 payload_length;
	__u32 flags;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct io_rsrc_node {
	unsigned long file_ptr;
};

struct io_rsrc_data {
	struct io_rsrc_node **nodes;
};

/* From 6.13 on. */
struct io_file_table {
	struct io_rsrc_data data;
};

/* Before: an array of tagged pointers. */
struct io_file_table___files {
	unsigned long *files;
};

/* Of provided buffers: those of a ring, or a list of others. */
struct io_buffer_list {
	void *buf_ring;
	__u16 head;
	__u16 mask;
	__u16 flags;
};

struct io_mapped_region___any {
	unsigned int nr_pages;
};
struct io_buffer_list___region {
	struct io_mapped_region___any region;
};

struct io_ring_ctx {
	struct io_file_table file_table;
	struct io_buffer_list *io_bl;	/* groups below 64, before 6.9 or so */
	struct xarray io_bl_xa;
};

struct io_uring_task {
	struct task_struct *task;
};

struct io_cqe {
	__u64 user_data;
};

struct io_kiocb {
	struct file *file;
	__u8 opcode;
	__u16 buf_index;
	unsigned int flags;	/* the lower half */
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	struct io_uring_task *tctx;	/* from 6.13 on */
	void *async_data;
};

/* Before 6.13. */
struct io_kiocb___task {
	struct task_struct *task;
};

struct io_submit_state___deferred {
	unsigned int cqes_count;
};

/* What the operations keep in the request, from its beginning. */

struct io_rw {
	__u64 addr;
	__u32 len;
};

struct io_sr_msg {
	void *buf;
	__u32 len;
	__u32 done_io;
	__u32 msg_flags;
	__u16 flags;
	__u16 buf_group;
};

struct io_accept {
	__u32 file_slot;
};

struct io_shutdown {
	int how;
};

struct io_splice {
	int splice_fd_in;
	unsigned int flags;
};

/* What the operations keep beside the request. */

struct iov_iter {
	__u8 iter_type;
	void *ubuf;
};

struct msghdr {
	struct iov_iter msg_iter;
};

struct io_async_msghdr {
	struct msghdr msg;
};

/* 6.10 to 6.14, and from then on: a request has an io_async_msghdr as long as it lives. */
struct io_async_msghdr___nr {
	int free_iov_nr;
};
struct iou_vec___any {
	unsigned int nr;
};
struct io_async_msghdr___vec {
	struct iou_vec___any vec;
};

/* Since when the request remembers the group of its buffers (about 6.15). */
struct io_async_rw___group {
	unsigned int buf_group;
};

enum iter_type___subset {
	ITER_UBUF___subset = 0,
};

#pragma clang attribute pop

#endif
