/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Where the bytes of an operation of io_uring are. When it completes, the kernel has given up much of what it
 * knew, and the process may have used its iovecs for something else: so they are noted down when the operation
 * is submitted. What nobody can tell any more is declared as a gap.
 */
#ifndef TCPTRACKER_IO_URING_BUFFERS_BPF_H
#define TCPTRACKER_IO_URING_BUFFERS_BPF_H

#include "hook.bpf.h"
#include "io_uring_types.bpf.h"
#include "xarray.bpf.h"

/* Of an array by number: what 16 bits reach. */
#define GROUP_LEVELS 3

/* What was noted down of an operation; it is the same one if it looks the same. */
struct noted_request {
	__u64 user_data;
	__u64 source;	/* the user's msghdr or iovec[] */
	__u64 segments;	/* the user's iovec[] */
	__u64 segment_count;
	__u16 group;	/* of provided buffers */
	__u8 opcode;
	__u8 reserved;
	__u32 header_length;	/* of what a multishot recvmsg puts before the bytes; 0 when unknown */
	struct user_iovec first[PICKED_AT_SUBMISSION];
};

/* By address of the request. What has been completed stays until there is no room. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct noted_request);
} noted_requests SEC(".maps");

/* One completion. */
struct io_completion {
	struct io_ring_ctx *ring;
	struct io_kiocb *request;
	__u64 user_data;
	__s32 result;
	__u32 flags;
	__u8 opcode;
	bool more;	/* not the last one of the request: of a multishot operation, whose state is still there */
	bool bundle;	/* fills several provided buffers */
	bool multishot;
};

/* Whether the process has pointers of 32 bits: then its structures are other ones. */
static __always_inline bool is_narrow(struct task_struct *owner)
{
	return BPF_CORE_READ(owner, mm, task_size) <= 1UL << 32;
}

static __always_inline const struct noted_request *find_noted(const struct io_completion *completion, __u64 source)
{
	__u64 key = (__u64)completion->request;
	const struct noted_request *noted = bpf_map_lookup_elem(&noted_requests, &key);

	if (!noted || noted->user_data != completion->user_data || noted->opcode != completion->opcode)
		return 0;
	return !source || noted->source == source ? noted : 0;
}

static __always_inline struct io_buffer_list *list_of_group(struct io_ring_ctx *ring, __u16 group)
{
	void *lists;

	if (!bpf_core_field_exists(ring->io_bl) || group >= 64)
		return load_xarray(&ring->io_bl_xa, group, GROUP_LEVELS);
	lists = BPF_CORE_READ(ring, io_bl);
	return lists ? lists + group * bpf_core_type_size(struct io_buffer_list) : 0;
}

/* Whether the entries of a ring change with every use. */
static __always_inline bool is_incremental(struct io_buffer_list *list)
{
	__u16 bits = IOBL_INC;

	if (!bpf_core_field_exists(list->flags))
		return false;
	if (bpf_core_field_exists(((struct io_buffer_list___region *)list)->region))
		bits |= IOBL_INC_OF_REGION;
	return BPF_CORE_READ(list, flags) & bits;
}

/* How far behind the head of a ring of buffers a buffer is looked for: completions come in batches. */
#define RECENT_BUFFERS 64

/* The buffer that a completion names, in the ring of its group: entries stay until the process has been told. */
static __always_inline bool find_in_ring(struct io_buffer_list *list, __u16 id, struct user_provided_buffer *buffer,
					 __u64 *place)
{
	struct user_provided_buffer *ring = BPF_CORE_READ(list, buf_ring);
	__u16 head = BPF_CORE_READ(list, head), mask = BPF_CORE_READ(list, mask);

	/* A list has no mask. */
	if (!mask || is_incremental(list))
		return false;
	for (int i = 1; i <= RECENT_BUFFERS; i++) {
		__u16 index = (head - i) & mask;

		if (bpf_probe_read_kernel(buffer, sizeof(*buffer), &ring[index]))
			return false;
		if (buffer->id == id) {
			*place = (__u64)mask << 32 | index;
			return true;
		}
	}
	return false;
}

/* The group of provided buffers that a request takes from, as far as the kernel or the note tells. */
static __always_inline struct io_buffer_list *list_of_request(const struct io_completion *completion)
{
	const struct noted_request *noted = find_noted(completion, 0);
	struct io_sr_msg *message = (struct io_sr_msg *)completion->request;

	if (noted)
		return list_of_group(completion->ring, noted->group);
	if (completion->multishot ||
	    bpf_core_field_exists(((struct io_async_rw___group *)0)->buf_group))
		return list_of_group(completion->ring, BPF_CORE_READ(message, buf_group));
	return 0;
}

/* Whether a completion of a multishot operation is told late, after others that have used its fields again (6.2 to 6.9). */
static __always_inline bool told_late(const struct io_completion *completion)
{
	return completion->more &&
	       bpf_core_field_exists(((struct io_submit_state___deferred *)0)->cqes_count);
}

/* Where the multishot operation that is just going on has put its bytes, as its state says; 0 when it does not. */
static __always_inline __u64 buffer_of_state(const struct io_completion *completion)
{
	struct io_kiocb *request = completion->request;
	struct io_async_msghdr *state;

	if (!completion->more || !(bpf_core_field_exists(((struct io_async_msghdr___nr *)0)->free_iov_nr) ||
				   bpf_core_field_exists(((struct io_async_msghdr___vec *)0)->vec)))
		return 0;
	state = BPF_CORE_READ(request, async_data);
	if (!state || BPF_CORE_READ(state, msg.msg_iter.iter_type) !=
			      bpf_core_enum_value(enum iter_type___subset, ITER_UBUF___subset))
		return 0;
	return (__u64)BPF_CORE_READ(state, msg.msg_iter.ubuf);
}

/* The beginning of the buffer that a send or receive was given: both fields move on when it is resumed. */
static __always_inline __u64 buffer_of_message(struct io_kiocb *request)
{
	struct io_sr_msg *message = (struct io_sr_msg *)request;

	return (__u64)BPF_CORE_READ(message, buf) - BPF_CORE_READ(message, done_io);
}

static __always_inline void use_address(struct syscall *operation, struct syscall_exit *exit, __u64 address)
{
	operation->shape = address ? TT_SHAPE_BUFFER_F : TT_SHAPE_UNKNOWN;
	exit->arguments[1] = address;
}

/* Whether it is a message that a multishot recvmsg has put into a buffer. */
static __always_inline bool has_header(const struct io_completion *completion, __u8 shape)
{
	return shape == TT_SHAPE_MESSAGE && completion->multishot && completion->flags & IORING_CQE_F_BUFFER;
}

/*
 * A multishot recvmsg puts a header before the bytes, with room for a name and control data, and counts all of it;
 * false when there are no bytes. How long it is was said on submission: then it need not be read.
 */
static __always_inline bool skip_header(const struct io_completion *completion, struct syscall *operation,
					struct syscall_exit *exit, __u64 address)
{
	const struct noted_request *noted = find_noted(completion, 0);
	__u32 result = completion->result, length = noted ? noted->header_length : 0;
	struct user_recvmsg_out header;

	if (!length && address && !bpf_probe_read_user(&header, sizeof(header), (void *)address))
		length = result - header.payload_length;
	if (!length || length > result) {
		count(TT_COUNTER_FAULT);
		return false;
	}
	exit->result = result - length;
	use_address(operation, exit, address ? address + length : 0);
	return exit->result != 0;
}

/* Bytes in buffers that the process has provided, and the kernel has chosen. */
static __always_inline bool locate_provided(const struct io_completion *completion, struct syscall *operation,
					    struct syscall_exit *exit)
{
	struct io_buffer_list *list = list_of_request(completion);
	__u8 shape = operation->shape;
	struct user_provided_buffer buffer = {};
	__u64 place = 0, address = 0;

	if (list && find_in_ring(list, completion->flags >> IORING_CQE_BUFFER_SHIFT, &buffer, &place)) {
		if (completion->bundle) {
			operation->shape = TT_SHAPE_PROVIDED;
			exit->arguments[1] = (__u64)BPF_CORE_READ(list, buf_ring);
			exit->arguments[2] = place;
			return true;
		}
		address = buffer.base;
	}
	if (has_header(completion, shape)) {
		if (!address && !told_late(completion))
			address = buffer_of_message(completion->request);
		return skip_header(completion, operation, exit, address);
	}
	if (!address)
		address = buffer_of_state(completion);
	if (!address && shape == TT_SHAPE_BUFFER_F && !completion->bundle && !told_late(completion))
		address = buffer_of_message(completion->request);
	use_address(operation, exit, address);
	return true;
}

/* Bytes in segments: those noted down, or else those that the process's memory now names. */
static __always_inline void locate_segments(const struct io_completion *completion, struct syscall *operation,
					    struct syscall_exit *exit, struct task_struct *owner)
{
	const struct noted_request *noted = find_noted(completion, exit->arguments[1]);

	if (noted && noted->segment_count) {
		operation->shape = TT_SHAPE_PICKED;
		exit->arguments[0] = noted->segments;
		exit->arguments[1] = (__u64)noted->first;
		exit->arguments[2] = noted->segment_count;
	} else if (is_narrow(owner)) {
		operation->shape = TT_SHAPE_UNKNOWN;
	}
}

/* Notes what will not be there, or not be the same, when the operation completes. */
static __always_inline void note_request(struct io_kiocb *request, const struct syscall *operation, __u8 opcode)
{
	struct io_sr_msg *message = (struct io_sr_msg *)request;
	struct io_rw *transfer = (struct io_rw *)request;
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct noted_request noted = {};
	struct user_msghdr header;
	__u64 key = (__u64)request;
	__u32 n;

	noted.opcode = opcode;
	noted.user_data = BPF_CORE_READ(request, cqe.user_data);
	noted.group = BPF_CORE_READ(request, buf_index);
	if (operation->shape == TT_SHAPE_MESSAGE) {
		noted.source = (__u64)BPF_CORE_READ(message, buf);
		if (!is_narrow(task) && !bpf_probe_read_user(&header, sizeof(header), (void *)noted.source)) {
			noted.segments = header.segments;
			noted.segment_count = header.segment_count;
			noted.header_length = sizeof(struct user_recvmsg_out) + header.name_length + (__u32)header.control_length;
		}
	} else if (operation->shape == TT_SHAPE_IOVEC) {
		noted.source = opcode == IORING_OP_SEND ? (__u64)BPF_CORE_READ(message, buf) :
							  BPF_CORE_READ(transfer, addr);
		noted.segments = noted.source;
		if (!is_narrow(task))
			noted.segment_count = opcode == IORING_OP_SEND ? BPF_CORE_READ(message, len) :
									BPF_CORE_READ(transfer, len);
	}
	n = noted.segment_count < PICKED_AT_SUBMISSION ? noted.segment_count : PICKED_AT_SUBMISSION;
	asm volatile("" : "+r"(n));
	if (n > PICKED_AT_SUBMISSION ||
	    bpf_probe_read_user(noted.first, n * sizeof(struct user_iovec), (void *)noted.segments))
		noted.segment_count = 0;
	bpf_map_update_elem(&noted_requests, &key, &noted, BPF_ANY);
}

#endif
