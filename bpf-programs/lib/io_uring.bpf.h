/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * io_uring: sends and receives without a system call for each. The kernel says when one of them completes, in
 * whatever thread of the process that happens (its own, a worker, the one that polls), and names the request:
 * since 5.18, and here from 6.0 on, when requests got the layout that they have.
 */
#ifndef TCPTRACKER_IO_URING_BPF_H
#define TCPTRACKER_IO_URING_BPF_H

#include "hook.bpf.h"
#include "io_uring_buffers.bpf.h"

/* As `stages`, for the programs of io_uring: those of one array must all be of one type. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TT_STAGE_MAX);
	__type(key, __u32);
	__type(value, __u32);
} io_uring_stages SEC(".maps");

const volatile struct syscall io_uring_operations[IO_URING_OPCODES] = {
#define X(name, number, shape, direction) \
	[number] = { TT_SYSCALL_IO_URING_##name, TT_SHAPE_##shape, TT_DIRECTION_##direction },
	TT_IO_URING_OPERATIONS(X)
#undef X
};

/*
 * The completions of a multishot operation but the last name no request, only what the process called it: which
 * must be unlike all others of the ring, or the process itself could not tell them apart.
 */
struct multishot_key {
	struct io_ring_ctx *ring;
	__u64 user_data;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct multishot_key);
	__type(value, __u64);
} multishots SEC(".maps");

static __always_inline bool operation_of(struct syscall *operation, __u8 opcode)
{
	__u64 index = opcode;

	/* Or clang compares one copy and uses another one, whose range the verifier does not know. */
	barrier_var(index);
	if (index >= IO_URING_OPCODES)
		return false;
	*operation = *(const struct syscall *)&io_uring_operations[index];
	return operation->shape != TT_SHAPE_NONE;
}

static __always_inline bool moves_messages(__u8 opcode, __u8 shape)
{
	return shape == TT_SHAPE_MESSAGE || shape == TT_SHAPE_BUFFER_F || opcode == IORING_OP_SEND;
}

/* What the process asked for beside the buffers (sqe->ioprio). */
static __always_inline __u16 flags_of_message(struct io_kiocb *request, __u8 opcode, __u8 shape)
{
	struct io_sr_msg *message = (struct io_sr_msg *)request;

	return moves_messages(opcode, shape) ? BPF_CORE_READ(message, flags) : 0;
}

/* Before 6.10 or so this bit meant nothing, and the kernel refused it. */
static __always_inline void widen_shape(struct syscall *operation, __u16 flags)
{
	if (operation->shape == TT_SHAPE_BUFFER_F && operation->direction == TT_DIRECTION_EGRESS &&
	    flags & IORING_SEND_VECTORIZED)
		operation->shape = TT_SHAPE_IOVEC;
}

static __always_inline bool has_many_completions(__u8 opcode, __u16 flags)
{
	/* Whether an accept is one of them is not kept before 6.10. */
	if (opcode == IORING_OP_ACCEPT || opcode == IORING_OP_READ_MULTISHOT)
		return true;
	if (opcode == IORING_OP_RECV || opcode == IORING_OP_RECVMSG)
		return flags & IORING_RECV_MULTISHOT;
	return opcode == IORING_OP_SEND && flags & IORING_RECVSEND_BUNDLE;
}

/* A request that may have many completions has been submitted, or woken up. */
static __always_inline void remember_multishot(struct io_kiocb *request, __u8 opcode, __u16 flags)
{
	struct multishot_key key = {};
	__u64 value = (__u64)request;

	if (!has_many_completions(opcode, flags))
		return;
	key.ring = BPF_CORE_READ(request, ctx);
	key.user_data = BPF_CORE_READ(request, cqe.user_data);
	bpf_map_update_elem(&multishots, &key, &value, BPF_ANY);
}

static __always_inline struct io_kiocb *find_multishot(struct io_ring_ctx *ring, __u64 user_data)
{
	struct multishot_key key = { .ring = ring, .user_data = user_data };
	__u64 *value = bpf_map_lookup_elem(&multishots, &key);
	struct io_kiocb *request;

	if (!value)
		return 0;
	request = (struct io_kiocb *)*value;
	if (BPF_CORE_READ(request, ctx) != ring || BPF_CORE_READ(request, cqe.user_data) != user_data)
		return 0;
	return request;
}

/* io_uring:io_uring_submit_req, before 6.5 or so io_uring_submit_sqe */
static __always_inline void on_io_uring_submit(struct io_kiocb *request)
{
	__u8 opcode = BPF_CORE_READ(request, opcode);
	struct syscall operation;
	__u16 flags;

	if (!operation_of(&operation, opcode) || bpf_get_current_pid_tgid() >> 32 == own_pid)
		return;
	flags = flags_of_message(request, opcode, operation.shape);
	remember_multishot(request, opcode, flags);
	widen_shape(&operation, flags);
	if (operation.shape == TT_SHAPE_MESSAGE || operation.shape == TT_SHAPE_IOVEC ||
	    BPF_CORE_READ(request, flags) & REQ_F_BUFFER_SELECT)
		note_request(request, &operation, opcode);
}

/* io_uring:io_uring_task_add: the socket of a waiting request is ready. For those submitted before the tap was there. */
static __always_inline void on_io_uring_wake(struct io_kiocb *request)
{
	__u8 opcode = BPF_CORE_READ(request, opcode);
	struct syscall operation;

	if (operation_of(&operation, opcode))
		remember_multishot(request, opcode, flags_of_message(request, opcode, operation.shape));
}

/* Who submitted the request; for the thread that polls in the kernel, the process that it belongs to. */
static __always_inline struct task_struct *owner_of(struct io_kiocb *request)
{
	struct task_struct *task;

	if (bpf_core_field_exists(request->tctx))
		task = BPF_CORE_READ(request, tctx, task);
	else
		task = BPF_CORE_READ((struct io_kiocb___task *)request, task);
	return BPF_CORE_READ(task, flags) & PF_IO_WORKER ? BPF_CORE_READ(task, group_leader) : task;
}

/* A file that is registered with the ring. */
static __always_inline struct file *fixed_file(struct io_ring_ctx *ring, __u32 slot)
{
	struct io_file_table___files *table = (struct io_file_table___files *)&ring->file_table;
	struct io_rsrc_node **nodes, *node = 0;
	unsigned long file = 0, *files;

	if (bpf_core_field_exists(table->files)) {
		files = BPF_CORE_READ(table, files);
		bpf_probe_read_kernel(&file, sizeof(file), &files[slot]);
	} else {
		nodes = BPF_CORE_READ(ring, file_table.data.nodes);
		bpf_probe_read_kernel(&node, sizeof(node), &nodes[slot]);
		file = BPF_CORE_READ(node, file_ptr);
	}
	return (struct file *)(file & FILE_POINTER_MASK);
}

static __always_inline struct sock *sock_of_accept(const struct io_completion *completion, struct task_struct *owner)
{
	struct io_accept *accept = (struct io_accept *)completion->request;
	__u32 slot = BPF_CORE_READ(accept, file_slot);

	if (!slot)
		return sock_of_fd(owner, completion->result, false);
	return sock_of_file(fixed_file(completion->ring,
				       slot == IORING_FILE_INDEX_ALLOC ? (__u32)completion->result : slot - 1));
}

static __always_inline struct sock *sock_of_splice(const struct io_completion *completion, struct task_struct *owner,
						   __u8 *direction)
{
	struct io_kiocb *request = completion->request;
	struct io_splice *splice = (struct io_splice *)request;
	__u32 from = BPF_CORE_READ(splice, splice_fd_in);
	struct sock *sk = sock_of_file(BPF_CORE_READ(request, file));

	*direction = TT_DIRECTION_EGRESS;
	if (sk)
		return sk;
	*direction = TT_DIRECTION_INGRESS;
	if (BPF_CORE_READ(splice, flags) & SPLICE_F_FD_IN_FIXED)
		return sock_of_file(fixed_file(completion->ring, from));
	return sock_of_fd(owner, from, false);
}

static __always_inline struct sock *sock_of_operation(const struct io_completion *completion, __u8 shape,
						      struct task_struct *owner, __u8 *direction)
{
	struct io_kiocb *request = completion->request;

	if (shape == TT_SHAPE_ACCEPT)
		return sock_of_accept(completion, owner);
	if (shape == TT_SHAPE_SPLICE)
		return sock_of_splice(completion, owner, direction);
	return sock_of_file(BPF_CORE_READ(request, file));
}

/* The arguments of the system call that the operation is like. */
static __always_inline void read_arguments(const struct io_completion *completion, __u8 shape, struct syscall_exit *exit)
{
	struct io_sr_msg *message = (struct io_sr_msg *)completion->request;
	struct io_rw *transfer = (struct io_rw *)completion->request;
	struct io_shutdown *shutdown = (struct io_shutdown *)completion->request;

	if (shape == TT_SHAPE_SHUTDOWN) {
		exit->arguments[1] = BPF_CORE_READ(shutdown, how);
	} else if (moves_messages(completion->opcode, shape)) {
		exit->arguments[1] = shape == TT_SHAPE_MESSAGE ? (__u64)BPF_CORE_READ(message, buf) :
								 buffer_of_message(completion->request);
		exit->arguments[2] = shape == TT_SHAPE_IOVEC ? BPF_CORE_READ(message, len) : 0;
		exit->arguments[3] = BPF_CORE_READ(message, msg_flags);
		/* As the table of calls has it: the flags of a message are its third argument. */
		if (shape == TT_SHAPE_MESSAGE)
			exit->arguments[2] = exit->arguments[3];
	} else if (shape == TT_SHAPE_BUFFER || shape == TT_SHAPE_IOVEC) {
		exit->arguments[1] = BPF_CORE_READ(transfer, addr);
		exit->arguments[2] = BPF_CORE_READ(transfer, len);
	}
}

static __always_inline bool moves_bytes(__u8 shape)
{
	return shape == TT_SHAPE_BUFFER || shape == TT_SHAPE_BUFFER_F || shape == TT_SHAPE_IOVEC ||
	       shape == TT_SHAPE_MESSAGE;
}

/*
 * Whether user memory, which is that of the current task, is the owner's. A process that is ending has given up its
 * own while the thread that polls for it still has it.
 */
static __always_inline bool has_memory_of(struct task_struct *owner)
{
	struct task_struct *current = (struct task_struct *)bpf_get_current_task();
	struct mm_struct *mm = BPF_CORE_READ(current, mm);

	return mm && (BPF_CORE_READ(owner, mm) == mm || BPF_CORE_READ(owner, tgid) == BPF_CORE_READ(current, tgid));
}

/* Turns the operation into one whose bytes can be found, or are known not to be; false when it moved none. */
static __always_inline bool locate_operation(const struct io_completion *completion, struct syscall *operation,
					     struct syscall_exit *exit, struct task_struct *owner)
{
	bool read = operation->shape == TT_SHAPE_BUFFER || (operation->shape == TT_SHAPE_IOVEC &&
							    completion->opcode != IORING_OP_SEND);

	if (!has_memory_of(owner)) {
		if (has_header(completion, operation->shape))
			return skip_header(completion, operation, exit, 0);
		operation->shape = TT_SHAPE_UNKNOWN;
		return true;
	}
	if (!(completion->flags & IORING_CQE_F_BUFFER)) {
		if (operation->shape == TT_SHAPE_IOVEC || operation->shape == TT_SHAPE_MESSAGE)
			locate_segments(completion, operation, exit, owner);
		return true;
	}
	if (!read)
		return locate_provided(completion, operation, exit);
	/* A read leaves the address of the buffer that it chose where the process would have put one. */
	use_address(operation, exit, told_late(completion) ? 0 : exit->arguments[1]);
	return true;
}

/*
 * What has been found out so far goes on to a program of its own: there the verifier does not follow every way
 * in which it may have been found out.
 */
static __always_inline void hand_on(void *context, const struct syscall *operation, const struct syscall_exit *exit,
				    struct sock *sk, struct task_struct *owner)
{
	struct call *call = claim_call();

	if (!call) {
		count_many(TT_COUNTER_UNTRACKED_BYTES, operation->direction ? exit->result : 0);
		return;
	}
	call->pending.operation = *operation;
	call->pending.exit = *exit;
	call->pending.sock = (__u64)sk;
	call->pending.task = (__u64)owner;
	bpf_tail_call(context, &io_uring_stages, TT_STAGE_RECORD);
	count(TT_COUNTER_TAIL_CALL_FAILED);
	count_many(TT_COUNTER_UNDECLARED_BYTES, operation->direction ? exit->result : 0);
	release_call(call);
}

/* The stage that follows. */
static __always_inline void record_pending(void *context)
{
	struct call *call = current_call();
	struct syscall operation;
	struct syscall_exit exit;

	if (!call)
		return;
	operation = call->pending.operation;
	exit = call->pending.exit;
	/* Keeps the compiler, and so the verifier, from walking several messages. */
	if (operation.shape == TT_SHAPE_MESSAGES)
		__builtin_unreachable();
	record_operation(context, &io_uring_stages, true, &operation, operation.direction, &exit,
			 (struct sock *)call->pending.sock, (struct task_struct *)call->pending.task, false);
	/* Its slot, where that has not claimed it. */
	release_call(call);
}

/* Finds out all about a completion, or counts why not. */
static __always_inline void look_into(void *context, struct io_completion *completion)
{
	struct syscall_exit exit = { .result = completion->result };
	struct io_kiocb *request = completion->request;
	struct task_struct *owner;
	struct syscall operation;
	struct sock *sk;
	__u16 flags;

	completion->opcode = BPF_CORE_READ(request, opcode);
	if (!operation_of(&operation, completion->opcode) || !succeeded(operation.shape, completion->result, NO_COPY))
		return;
	owner = owner_of(request);
	if ((__u32)BPF_CORE_READ(owner, tgid) == own_pid) {
		count(TT_COUNTER_OWN_CALL);
		return;
	}
	sk = sock_of_operation(completion, operation.shape, owner, &operation.direction);
	if (!sk)
		return;
	flags = flags_of_message(request, completion->opcode, operation.shape);
	widen_shape(&operation, flags);
	completion->bundle = flags & IORING_RECVSEND_BUNDLE;
	completion->multishot = operation.direction == TT_DIRECTION_INGRESS && flags & IORING_RECV_MULTISHOT;
	read_arguments(completion, operation.shape, &exit);
	if (operation.direction == TT_DIRECTION_INGRESS &&
	    !takes_from_stream(moves_messages(completion->opcode, operation.shape) ? exit.arguments[3] : 0))
		return;
	if (moves_bytes(operation.shape) && !locate_operation(completion, &operation, &exit, owner))
		return;
	hand_on(context, &operation, &exit, sk, owner);
}

/* io_uring:io_uring_complete */
static __always_inline void on_io_uring_complete(void *context, struct io_completion *completion)
{
	completion->more = !completion->request;
	if (completion->more)
		completion->request = find_multishot(completion->ring, completion->user_data);
	/* Without a request, it is a message from another ring, or a poll. */
	if (completion->request)
		look_into(context, completion);
}

#endif
