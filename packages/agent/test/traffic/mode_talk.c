/* SPDX-License-Identifier: Apache-2.0 */
/* The ordinary conversation: the client sends all, the server answers with as much, both see the end. */
#define _GNU_SOURCE
#include "traffic.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void finish_client(struct end *end)
{
	shut(end);
	expect_end(end);
}

static void finish_server(struct end *end)
{
	expect_end(end);
	shut(end);
}

void talk_client(struct end *end)
{
	size_t head = options.head;
	if (head > 0) {
		send_range(end, 0, head);
		receive_range(end, options.receive, 0, head, 0);
		sync_point(SYNC_MIDDLE);
		raise_flag(&shared->go_middle, 1);
	}
	send_range(end, head, options.size - head);
	receive_range(end, options.receive, head, options.size - head, 0);
	finish_client(end);
}

void talk_server(struct end *end)
{
	size_t head = options.head;
	if (head > 0) {
		receive_range(end, options.receive, 0, head, 0);
		send_range(end, 0, head);
		wait_flag(&shared->go_middle, 1);
	}
	receive_range(end, options.receive, head, options.size - head, 0);
	send_range(end, head, options.size - head);
	finish_server(end);
}

/* True when the thread sleeps. The state is the first letter behind the name, which may contain anything. */
static bool sleeps(int32_t tid)
{
	char path[64], text[512];
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		die_errno(path);
	ssize_t count = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (count <= 0)
		die_errno(path);
	text[count] = 0;
	const char *behind = strrchr(text, ')');
	return behind && behind[1] == ' ' && behind[2] == 'S';
}

/*
 * The server sits in its receiving call when "ready" is printed. Exactly `head` bytes end that call; the rest follows
 * only when they have been received, so that a test knows what the blocked call moved.
 */
void blocked_client(struct end *end)
{
	wait_flag(&shared->blocking, 1);
	/* Asleep twice in a row, a while apart: not merely on a lock on the way. */
	for (unsigned seen = 0; seen < 2;) {
		pause_ms(10);
		seen = sleeps(shared->server.tid) ? seen + 1 : 0;
	}
	sync_point(SYNC_MIDDLE);
	send_range(end, 0, options.head);
	while (__atomic_load_n(&shared->server.ingress, __ATOMIC_SEQ_CST) < options.head)
		pause_ms(1);
	send_range(end, options.head, options.size - options.head);
	receive_range(end, options.receive, 0, options.size, 0);
	finish_client(end);
}

void blocked_server(struct end *end)
{
	raise_flag(&shared->blocking, 1);
	receive_range(end, options.receive, 0, options.size, 0);
	send_range(end, 0, options.size);
	finish_server(end);
}

/* Neither side reads before the other's buffers are full: the sender must meet EAGAIN and a partial write. */
static void wait_until_full(const struct end *sender)
{
	while (__atomic_load_n(&sender->full, __ATOMIC_SEQ_CST) == 0)
		pause_ms(1);
}

static void require_partial(const struct end *end)
{
	if (end->full == 0 || end->partial == 0)
		die("no partial write happened: make --size larger");
}

void partial_client(struct end *end)
{
	send_range(end, 0, options.size);
	require_partial(end);
	wait_until_full(&shared->server);
	receive_range(end, options.receive, 0, options.size, 0);
	finish_client(end);
}

void partial_server(struct end *end)
{
	wait_until_full(&shared->client);
	receive_range(end, options.receive, 0, options.size, 0);
	send_range(end, 0, options.size);
	require_partial(end);
	finish_server(end);
}
