/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection on which every step is an operation of io_uring: io-uring SEND RECEIVE SIZE [OPTION...].
 *
 * The client sends SIZE bytes (byte i is i * 31 + i / 256) with the operation SEND, the server takes them with
 * RECEIVE and checks them. Options:
 *
 *   sqpoll, defer, async        a polling thread of the kernel; task work on demand; a worker for each operation
 *   first                       the receiving operation waits before anything is sent
 *   fixed-file, direct          registered files; accept makes one itself
 *   accept-multishot            one accept for all
 *   ring, list, incremental     the kernel chooses the buffer
 *   multishot, bundle           of the receiving operation
 *   room-for-name               before the bytes of each message of a multishot recvmsg, and for control data
 *   waitall                     MSG_WAITALL on both sides, with socket buffers that are too small for that
 *   moved                       msghdr and iovecs are overwritten once they have been submitted
 *   segments=N, chunk=N         of each buffer; bytes of each operation
 */
#define _GNU_SOURCE
#include "cases.h"
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define GROUP 3
#define MAX_SEGMENTS 64
#define PIPE_BYTES 65536
#define NAME_ROOM sizeof(struct sockaddr_in)
#define CONTROL_ROOM 40

enum user_data { SENDING = 0x5e4d, RECEIVING, CONNECTING, ACCEPTING, SHUTTING, PIPING };

struct operation {
	const char *name;
	uint8_t opcode;
	bool vector, message, fixed, flags, sends;
};

static const struct operation operations[] = {
	{ "write", IORING_OP_WRITE, .sends = true },
	{ "read", IORING_OP_READ, .sends = false },
	{ "writev", IORING_OP_WRITEV, .vector = true, .sends = true },
	{ "readv", IORING_OP_READV, .vector = true },
	{ "write_fixed", IORING_OP_WRITE_FIXED, .fixed = true, .sends = true },
	{ "read_fixed", IORING_OP_READ_FIXED, .fixed = true },
	{ "writev_fixed", OP_WRITEV_FIXED, .vector = true, .fixed = true, .sends = true },
	{ "readv_fixed", OP_READV_FIXED, .vector = true, .fixed = true },
	{ "send", IORING_OP_SEND, .flags = true, .sends = true },
	{ "recv", IORING_OP_RECV, .flags = true },
	{ "sendmsg", IORING_OP_SENDMSG, .message = true, .flags = true, .sends = true },
	{ "recvmsg", IORING_OP_RECVMSG, .message = true, .flags = true },
	{ "send_zc", IORING_OP_SEND_ZC, .flags = true, .sends = true },
	{ "sendmsg_zc", IORING_OP_SEND_ZC + 1, .message = true, .flags = true, .sends = true },
	{ "read_multishot", OP_READ_MULTISHOT, .sends = false },
	{ "splice", IORING_OP_SPLICE, .sends = true },
};

/* One side: where its bytes are, and its memory for an operation that is under way. */
struct side {
	const struct operation *operation;
	int fd;			/* or index of a registered file */
	uint8_t *bytes;		/* the whole stream */
	size_t moved;		/* of it */
	bool busy;		/* an operation is under way */
	struct iovec segments[MAX_SEGMENTS];
	struct msghdr message;
	int pipe[2];
	size_t piped;
	unsigned notifications;	/* that are still to come */
};

static struct ring ring;
static struct provided provided;
static struct side client, server;
static size_t size, chunk = 1 << 20;
static unsigned segments = 3;
static uint8_t decoy[16];

static bool option(const char *name)
{
	for (char **word = arguments + 3; *word; word++)
		if (strcmp(*word, name) == 0)
			return true;
	return false;
}

static unsigned long numeric_option(const char *name, unsigned long otherwise)
{
	size_t length = strlen(name);

	for (char **word = arguments + 3; *word; word++)
		if (strncmp(*word, name, length) == 0 && (*word)[length] == '=')
			return strtoul(*word + length + 1, NULL, 10);
	return otherwise;
}

static const struct operation *find_operation(const char *name)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	fprintf(stderr, "no operation %s\n", name);
	exit(2);
}

/* What a multishot recvmsg puts before the bytes. */
static size_t recvmsg_header(void)
{
	return sizeof(struct io_uring_recvmsg_out) + (option("room-for-name") ? NAME_ROOM + CONTROL_ROOM : 0);
}

static bool provides(void)
{
	return option("ring") || option("list");
}

static void unsupported(const char *why)
{
	report.unsupported = why;
}

/* The range as segments: the second one is small, as headers are. */
static void cut(struct side *side, uint8_t *from, size_t length)
{
	size_t each = length / segments;

	for (unsigned i = 0; i < segments; i++) {
		size_t end = i + 1 == segments ? length : each * (i + 1) - (i % 2 == 0 ? each / 2 : 0);
		size_t begin = i == 0 ? 0 : each * i - ((i - 1) % 2 == 0 ? each / 2 : 0);

		side->segments[i] = (struct iovec){ from + begin, end - begin };
	}
	side->message = (struct msghdr){ .msg_iov = side->segments, .msg_iovlen = segments };
}

static void start_transfer(struct side *side)
{
	const struct operation *operation = side->operation;
	size_t left = size - side->moved, length = left < chunk ? left : chunk;
	struct io_uring_sqe *sqe = ring_entry(&ring, operation->opcode, side->fd,
					      operation->sends ? SENDING : RECEIVING);

	sqe->flags = (option("fixed-file") || (option("direct") && side == &server) ? IOSQE_FIXED_FILE : 0) |
		     (option("async") ? IOSQE_ASYNC : 0);
	sqe->addr = (uintptr_t)side->bytes + side->moved;
	sqe->len = (unsigned)length;
	if (operation->vector || operation->message) {
		/* Registered memory has no empty segments. */
		if (length < segments)
			segments = 1;
		cut(side, side->bytes + side->moved, length);
		sqe->addr = operation->message ? (uintptr_t)&side->message : (uintptr_t)side->segments;
		sqe->len = operation->message ? 1 : segments;
	}
	if (!operation->flags)
		sqe->off = operation->opcode == OP_READ_MULTISHOT ? 0 : (uint64_t)-1;
	else if (option("waitall") && !option("multishot"))
		sqe->msg_flags = MSG_WAITALL;
	if (operation->fixed)
		sqe->buf_index = operation->sends ? 0 : 1;
	if (!operation->sends && provides()) {
		bool many = option("multishot") || operation->opcode == OP_READ_MULTISHOT;

		sqe->flags |= IOSQE_BUFFER_SELECT;
		sqe->buf_group = GROUP;
		sqe->addr = operation->message || operation->vector ? sqe->addr : 0;
		sqe->len = many || option("bundle") ? 0 : provided.size;
		side->message.msg_iovlen = operation->message && many ? 0 : 1;
		side->message.msg_namelen = option("room-for-name") ? NAME_ROOM : 0;
		side->message.msg_controllen = option("room-for-name") ? CONTROL_ROOM : 0;
		side->segments[0].iov_len = provided.size;
		if (operation->vector)
			sqe->len = 1;
		sqe->ioprio = (option("multishot") && operation->flags ? IORING_RECV_MULTISHOT : 0) |
			      (option("bundle") ? RECVSEND_BUNDLE : 0);
	}
	side->busy = true;
	if (!option("moved"))
		return;
	/* The kernel has taken what it needs by the time that submitting returns. */
	ring_submit(&ring);
	for (unsigned i = 0; i < segments; i++)
		side->segments[i] = (struct iovec){ decoy, sizeof(decoy) };
	memset(&side->message, 0, sizeof(side->message));
}

/* Through a pipe: what goes in or comes out of it is no system call of the table on a socket. */
static void start_splice(struct side *side)
{
	size_t length = size - side->moved;

	if (length > PIPE_BYTES)
		length = PIPE_BYTES;
	if (side->operation->sends && side == &client) {
		if (!side->piped)
			side->piped = (size_t)check(write(side->pipe[1], side->bytes + side->moved, length), "write to the pipe");
		struct io_uring_sqe *sqe = ring_entry(&ring, IORING_OP_SPLICE, side->fd, SENDING);

		sqe->splice_fd_in = side->pipe[0];
		sqe->len = (unsigned)side->piped;
		sqe->off = sqe->splice_off_in = (uint64_t)-1;
	} else {
		struct io_uring_sqe *sqe = ring_entry(&ring, IORING_OP_SPLICE, side->pipe[1], RECEIVING);

		sqe->splice_fd_in = side->fd;
		sqe->len = (unsigned)length;
		sqe->off = sqe->splice_off_in = (uint64_t)-1;
	}
	side->busy = true;
}

static void start(struct side *side)
{
	if (side->operation->opcode == IORING_OP_SPLICE)
		start_splice(side);
	else
		start_transfer(side);
}

/* Takes the bytes out of buffers that the kernel chose, and gives these back. */
static void take_provided(uint32_t flags, size_t length, bool has_header)
{
	unsigned id = flags >> IORING_CQE_BUFFER_SHIFT;

	while (length > 0) {
		size_t begin = (provided.incremental ? provided.used[id] : 0) + (has_header ? recvmsg_header() : 0);
		size_t room = provided.size - begin, n = length < room ? length : room;

		memcpy(server.bytes + server.moved, provided_buffer(&provided, id) + begin, n);
		server.moved += n;
		length -= n;
		if (provided.incremental) {
			provided.used[id] += n;
			if (provided.used[id] < provided.size)
				continue;
		}
		provided_return(&provided, id);
		id = (id + 1) % provided.count;
	}
}

static void on_received(const struct completed *completed)
{
	bool has_header = server.operation->message && option("multishot");

	if (!(completed->flags & IORING_CQE_F_MORE))
		server.busy = false;
	/* The kernel ran out of buffers: the operation has ended, and is started again. */
	if (completed->result == -ENOBUFS || completed->result == -EAGAIN)
		return;
	size_t length = (size_t)check(completed->result, server.operation->name);
	if (has_header && length >= recvmsg_header())
		length -= recvmsg_header();
	if (length == 0)
		return;
	if (completed->flags & IORING_CQE_F_BUFFER) {
		take_provided(completed->flags, length, has_header);
		return;
	}
	if (server.operation->opcode == IORING_OP_SPLICE &&
	    read(server.pipe[0], server.bytes + server.moved, length) != (ssize_t)length)
		die("read from the pipe");
	server.moved += length;
}

static void on_completed(const struct completed *completed)
{
	if (completed->user_data == RECEIVING) {
		on_received(completed);
	} else if (completed->user_data == SENDING && completed->flags & IORING_CQE_F_NOTIF) {
		client.notifications--;
	} else if (completed->user_data == SENDING) {
		client.busy = false;
		if (completed->flags & IORING_CQE_F_MORE)
			client.notifications++;
		client.moved += (size_t)check(completed->result, client.operation->name);
		client.piped -= client.operation->opcode == IORING_OP_SPLICE ? (size_t)completed->result : 0;
	} else if (completed->result < 0) {
		errno = -completed->result;
		die("another operation");
	}
}

static void transfer(void)
{
	while (server.moved < size || client.busy || client.notifications) {
		if (!server.busy && server.moved < size && (option("first") || client.moved > server.moved))
			start(&server);
		if (!client.busy && client.moved < size) {
			/* The receiving operation must be under way before there is anything to receive. */
			if (option("first") && server.busy)
				ring_submit(&ring);
			start(&client);
		}
		/* It cannot end before somebody receives. */
		if (option("waitall") && !server.busy && server.moved < size)
			start(&server);
		struct completed completed = ring_next(&ring);

		if (completed.result < 0)
			errno = -completed.result;
		on_completed(&completed);
	}
	for (size_t i = 0; i < size; i++) {
		if (server.bytes[i] != client.bytes[i]) {
			fprintf(stderr, "byte %zu is wrong\n", i);
			exit(1);
		}
	}
}

static int one_operation(uint64_t user_data)
{
	for (;;) {
		struct completed completed = ring_next(&ring);

		if (completed.user_data != user_data)
			continue;
		if (completed.result < 0)
			errno = -completed.result;
		return (int)check(completed.result, "an operation of its own");
	}
}

/* Replaces descriptors by indices of registered files: 0 and 1. */
static void connect_both(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(5, &address), fd = bound_socket(), small = 65536;
	int none[2] = { -1, -1 };
	struct io_uring_sqe *sqe;

	if (option("waitall")) {
		check(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), "SO_SNDBUF");
		check(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), "SO_RCVBUF");
	}
	if (option("fixed-file") || option("direct"))
		check(ring_register(&ring, IORING_REGISTER_FILES, none, 2), "IORING_REGISTER_FILES");
	sqe = ring_entry(&ring, IORING_OP_ACCEPT, listener, ACCEPTING);
	sqe->ioprio = option("accept-multishot") ? IORING_ACCEPT_MULTISHOT : 0;
	sqe->file_index = option("direct") ? (option("accept-multishot") ? IORING_FILE_INDEX_ALLOC : 2) : 0;
	ring_submit(&ring);
	sqe = ring_entry(&ring, IORING_OP_CONNECT, fd, CONNECTING);
	sqe->addr = (uintptr_t)&address;
	sqe->off = sizeof(address);
	client.fd = fd;
	/* Either completion may come first. */
	for (int seen = 0; seen < 2; seen++) {
		struct completed completed = ring_next(&ring);

		if (completed.result < 0)
			errno = -completed.result;
		check(completed.result, "connect or accept");
		if (completed.user_data == ACCEPTING)
			server.fd = option("direct") && !option("accept-multishot") ? 1 : completed.result;
	}
	add_client(client.fd);
	if (option("fixed-file")) {
		int files[2] = { client.fd, option("direct") ? -1 : server.fd };
		struct io_uring_files_update update = { .offset = 0, .fds = (uintptr_t)files };

		check(ring_register(&ring, IORING_REGISTER_FILES_UPDATE, &update, 2), "IORING_REGISTER_FILES_UPDATE");
		client.fd = 0;
		server.fd = 1;
	}
}

static bool prepare(void)
{
	unsigned flags = (option("sqpoll") ? IORING_SETUP_SQPOLL : 0) |
			 (option("defer") ? IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER : 0);

	if (!ring_make(&ring, flags)) {
		unsupported("this kernel has no such ring");
		return false;
	}
	if (option("bundle") && !(ring.params.features & FEAT_RECVSEND_BUNDLE)) {
		unsupported("this kernel has no bundles of buffers");
		return false;
	}
	if (option("ring") || option("list")) {
		unsigned buffers = (unsigned)numeric_option("buffers", 16), room = (unsigned)numeric_option("room", 4096);

		if (!provided_make(&provided, &ring, option("ring"), option("incremental"), GROUP, buffers, room)) {
			unsupported("this kernel has no such buffers");
			return false;
		}
	}
	client.bytes = malloc(size + 1);
	server.bytes = calloc(1, size + 1);
	if (!client.bytes || !server.bytes)
		die("malloc");
	for (size_t i = 0; i < size; i++)
		client.bytes[i] = (uint8_t)(i * 31 + i / 256);
	struct iovec registered[2] = { { client.bytes, size + 1 }, { server.bytes, size + 1 } };
	if (client.operation->fixed || server.operation->fixed)
		check(ring_register(&ring, IORING_REGISTER_BUFFERS, registered, 2), "IORING_REGISTER_BUFFERS");
	check(pipe(client.pipe), "pipe");
	check(pipe(server.pipe), "pipe");
	return true;
}

/* Whether the kernel has the operation at all. */
static bool has_operation(uint8_t opcode)
{
	enum { ALL = 256 };
	struct io_uring_probe *probe = calloc(1, sizeof(*probe) + ALL * sizeof(struct io_uring_probe_op));

	if (!probe)
		die("malloc");
	check(ring_register(&ring, IORING_REGISTER_PROBE, probe, ALL), "IORING_REGISTER_PROBE");
	bool has = opcode <= probe->last_op && probe->ops[opcode].flags & IO_URING_OP_SUPPORTED;
	free(probe);
	return has;
}

void case_io_uring(void)
{
	client.operation = find_operation(arguments[0]);
	server.operation = find_operation(arguments[1]);
	size = strtoul(arguments[2], NULL, 10);
	segments = (unsigned)numeric_option("segments", segments);
	chunk = numeric_option("chunk", chunk);
	if (!prepare())
		return;
	if (!has_operation(client.operation->opcode) || !has_operation(server.operation->opcode)) {
		unsupported("this kernel has no such operation");
		return;
	}
	connect_both();
	transfer();
	struct io_uring_sqe *sqe = ring_entry(&ring, IORING_OP_SHUTDOWN, client.fd, SHUTTING);
	sqe->len = SHUT_WR;
	sqe->flags = option("fixed-file") ? IOSQE_FIXED_FILE : 0;
	one_operation(SHUTTING);
	report.count = size;
	/* The files that are registered are closed with the ring; the process ends right after this. */
	ring_close(&ring);
}
