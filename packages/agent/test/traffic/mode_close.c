/* SPDX-License-Identifier: Apache-2.0 */
/* Endings: half closed, closed with unread data; and two threads that share the sending side. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/*
 * The client closes its half first and waits until the server has answered and gone: its socket is then in the state
 * CLOSE with the whole answer still unread.
 */
void half_close_client(struct end *end)
{
	send_range(end, 0, options.size);
	shut(end);
	while (tcp_state(end->fd) != TCP_CLOSE)
		pause_ms(1);
	receive_range(end, options.receive, 0, options.size, 0);
	expect_end(end);
}

void half_close_server(struct end *end)
{
	receive_range(end, options.receive, 0, options.size, 0);
	expect_end(end);
	send_range(end, 0, options.size);
}

/* The server closes with half of the bytes unread: the kernel answers with a reset. */
void unread_client(struct end *end)
{
	uint8_t byte;
	send_range(end, 0, options.size);
	raise_flag(&shared->step, 1);
	wait_ready(end->fd, POLLIN | POLLHUP);
	if (raw_transfer(CALL_RECVFROM, end->fd, &byte, 1, 0) >= 0 || errno != ECONNRESET)
		die("expected a reset");
	count_error(end);
}

void unread_server(struct end *end)
{
	wait_flag(&shared->step, 1);
	receive_range(end, options.receive, 0, options.size / 2, 0);
}

/*
 * Two threads send on one socket; the kernel may interleave them anywhere. The first thread's bytes have the top bit
 * clear, the second's have it set, so that the receiver can take the two streams apart byte by byte.
 */
struct sender {
	struct end end; /* a copy for each thread: the sums are added up afterwards */
	uint8_t *bytes;
};

static uint8_t marked(uint8_t byte, bool second)
{
	return second ? byte | 0x80 : byte & 0x7f;
}

static void *send_marked(void *argument)
{
	struct sender *sender = argument;
	sender->end.tid = thread_id();
	send_range(&sender->end, 0, options.size);
	return NULL;
}

static void make_sender(struct sender *sender, const struct end *end, bool second)
{
	sender->end = *end;
	sender->bytes = allocate(options.size);
	for (size_t i = 0; i < options.size; i++)
		sender->bytes[i] = marked(end->out[i], second);
	sender->end.out = sender->bytes;
	sender->end.out_file = temporary_file(sender->bytes, options.size);
}

void threads_client(struct end *end)
{
	struct sender first, second;
	pthread_t thread;
	make_sender(&first, end, false);
	make_sender(&second, end, true);
	if (pthread_create(&thread, NULL, send_marked, &second))
		die("pthread_create failed");
	send_marked(&first);
	if (pthread_join(thread, NULL))
		die("pthread_join failed");
	end->egress = first.end.egress + second.end.egress;
	end->partial = first.end.partial + second.end.partial;
	end->calls[options.send] = first.end.calls[options.send] + second.end.calls[options.send];
	end->second_tid = second.end.tid;
	end->egress_unordered = true;
	shut(end);
	expect_end(end);
}

void threads_server(struct end *end)
{
	size_t done[2] = { 0, 0 }, total = 2 * options.size;
	uint8_t *buffer = allocate(options.call_size < total ? options.call_size : total);
	while (done[0] + done[1] < total) {
		size_t rest = total - done[0] - done[1];
		size_t wanted = rest < options.call_size ? rest : options.call_size;
		ssize_t count = receive_once(end, options.receive, buffer, wanted, 0);
		if (count < 0 && errno == EAGAIN) {
			count_error(end);
			wait_ready(end->fd, POLLIN);
			continue;
		}
		if (count <= 0)
			die("%s: the stream ended early", call_names[options.receive]);
		for (ssize_t i = 0; i < count; i++) {
			bool second = buffer[i] & 0x80;
			size_t at = done[second]++;
			if (at >= options.size || buffer[i] != marked(end->expected[at], second))
				die("byte %zu of thread %d is another one", at, second);
		}
		end->calls[options.receive]++;
		end->ingress += (uint64_t)count;
		end->ingress_crc = crc32_update(end->ingress_crc, buffer, (size_t)count);
	}
	expect_end(end);
	shut(end);
}
