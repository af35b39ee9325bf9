/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that move no bytes of a connection, or none that count, around two that do. */
#define _GNU_SOURCE
#include "cases.h"
#include "ring.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ring ring, another;
static char memory[64];

/* Completions of these names, in any order, with these results. */
static void expect(uint64_t name, int result, uint64_t other_name, int other_result)
{
	for (unsigned left = other_name ? 2 : 1; left > 0; left--) {
		struct completed completed = ring_next(&ring);
		int wanted = completed.user_data == name ? result : other_result;

		if ((completed.user_data != name && completed.user_data != other_name) || completed.result != wanted) {
			fprintf(stderr, "operation %llu ended with %d, not %d\n",
				(unsigned long long)completed.user_data, completed.result, wanted);
			exit(1);
		}
	}
}

static struct io_uring_sqe *receive(int fd, uint64_t name, unsigned flags)
{
	struct io_uring_sqe *sqe = ring_entry(&ring, IORING_OP_RECV, fd, name);

	sqe->addr = (uintptr_t)memory;
	sqe->len = sizeof(memory);
	sqe->msg_flags = flags;
	return sqe;
}

static struct io_uring_sqe *send_ten(int fd, uint64_t name)
{
	struct io_uring_sqe *sqe = ring_entry(&ring, IORING_OP_SEND, fd, name);

	sqe->addr = (uintptr_t) "ten bytes.";
	sqe->len = 10;
	return sqe;
}

/* `count` bytes go from the client to the server; everything else moves none. */
void case_io_uring_others(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(5, &address);
	int client = connected_to(&address), server = accepted_from(listener);
	struct __kernel_timespec soon = { .tv_nsec = 10 * 1000 * 1000 };
	int pair[2];

	add_client(client);
	if (!ring_make(&ring, 0) || !ring_make(&another, 0)) {
		report.unsupported = "this kernel has no such ring";
		return;
	}
	/* A receive that is cancelled, and one that takes too long. */
	receive(server, 1, 0);
	ring_submit(&ring);
	ring_entry(&ring, IORING_OP_ASYNC_CANCEL, -1, 2)->addr = 1;
	expect(1, -ECANCELED, 2, 0);
	receive(server, 3, 0)->flags = IOSQE_IO_LINK;
	struct io_uring_sqe *sqe = ring_entry(&ring, IORING_OP_LINK_TIMEOUT, -1, 4);
	sqe->addr = (uintptr_t)&soon;
	sqe->len = 1;
	expect(3, -ECANCELED, 4, -ETIME);

	/* A poll with many completions, and a message that bears the name of a waiting receive. */
	sqe = ring_entry(&ring, IORING_OP_POLL_ADD, server, 5);
	sqe->poll32_events = POLLIN;
	sqe->len = IORING_POLL_ADD_MULTI;
	ring_submit(&ring);
	sqe = ring_entry(&another, IORING_OP_MSG_RING, ring.fd, 6);
	sqe->len = 1000;
	sqe->off = 7;
	ring_submit(&another);
	expect(7, 1000, 0, 0);

	/* Bytes that are looked at first, then taken; the poll tells of them. */
	send_ten(client, 8);
	expect(8, 10, 5, POLLIN);
	receive(server, 9, MSG_PEEK);
	expect(9, 10, 0, 0);
	receive(server, 10, 0);
	expect(10, 10, 0, 0);

	/* What is no TCP socket; what is none; what is not connected; memory that is not there. */
	check(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "socketpair");
	send_ten(pair[0], 11);
	expect(11, 10, 0, 0);
	check(pipe(pair), "pipe");
	send_ten(pair[1], 12);
	expect(12, -ENOTSOCK, 0, 0);
	send_ten((int)check(socket(AF_INET, SOCK_STREAM, 0), "socket"), 13)->msg_flags = MSG_NOSIGNAL;
	expect(13, -EPIPE, 0, 0);
	send_ten(client, 14)->addr = 16;
	expect(14, -EFAULT, 0, 0);

	/* Succeeds without a completion: nobody tells of these. */
	report.other = 10;
	sqe = send_ten(client, 15);
	sqe->flags = IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
	receive(server, 16, MSG_WAITALL)->len = 10;
	struct completed completed;
	do
		completed = ring_next(&ring);
	while (completed.user_data != 16);
	check(completed.result == 10 ? 0 : -1, "the receive after a skipped completion");
	report.count = 10;
}
