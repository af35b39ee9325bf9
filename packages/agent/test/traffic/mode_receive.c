/* SPDX-License-Identifier: Apache-2.0 */
/* Receiving with flags: bytes seen twice, dropped, waited for, or outside the stream. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PEEK_BYTES 4096
#define PIECES 7

/* read and its likes take no flags: where one of them is under test, recvfrom does the special part. */
static enum call flagged(void)
{
	return call_takes_flags(options.receive) ? options.receive : CALL_RECVFROM;
}

static size_t at_most(size_t size, size_t limit)
{
	return size < limit ? size : limit;
}

static void retry_later(struct end *end, enum call call)
{
	if (errno != EAGAIN)
		die_errno(call_names[call]);
	count_error(end);
	wait_ready(end->fd, POLLIN);
}

/* Looks at what has come, then takes exactly that. */
void peek_server(struct end *end)
{
	uint8_t *seen = allocate(PEEK_BYTES);
	for (size_t done = 0; done < options.size;) {
		size_t wanted = at_most(options.size - done, PEEK_BYTES);
		ssize_t count = receive_once(end, flagged(), seen, wanted, MSG_PEEK);
		if (count < 0) {
			retry_later(end, flagged());
			continue;
		}
		if (count == 0 || memcmp(seen, end->expected + done, (size_t)count) != 0)
			die("MSG_PEEK saw other bytes");
		end->peeked += (size_t)count;
		receive_range(end, options.receive, done, (size_t)count, 0);
		done += (size_t)count;
	}
	send_range(end, 0, options.size);
	expect_end(end);
	shut(end);
}

/* Takes the first quarter, has the kernel drop the next half, takes the last quarter. */
void trunc_server(struct end *end)
{
	size_t quarter = options.size / 4, half = options.size / 2;
	uint8_t *untouched = allocate(half);
	receive_range(end, options.receive, 0, quarter, 0);
	for (size_t done = 0; done < half;) {
		ssize_t count = receive_once(end, flagged(), untouched, half - done, MSG_TRUNC);
		if (count < 0) {
			retry_later(end, flagged());
			continue;
		}
		if (count == 0)
			die("MSG_TRUNC: the stream ended early");
		end->calls[flagged()]++;
		end->discarded += (size_t)count;
		end->ingress += (size_t)count;
		done += (size_t)count;
	}
	for (size_t i = 0; i < half; i++) {
		if (untouched[i] != 0)
			die("MSG_TRUNC wrote to memory");
	}
	receive_range(end, options.receive, quarter + half, options.size - quarter - half, 0);
	send_range(end, 0, options.size);
	expect_end(end);
	shut(end);
}

void waitall_client(struct end *end)
{
	size_t piece = options.size / PIECES;
	for (unsigned i = 0; i + 1 < PIECES; i++) {
		send_range(end, i * piece, piece);
		pause_ms(2);
	}
	send_range(end, (PIECES - 1) * piece, options.size - (PIECES - 1) * piece);
	receive_range(end, options.receive, 0, options.size, 0);
	shut(end);
	expect_end(end);
}

/* One call, however many pieces come. */
void waitall_server(struct end *end)
{
	ssize_t count = receive_once(end, flagged(), end->in, options.size, MSG_WAITALL);
	if (count < 0)
		die_errno(call_names[flagged()]);
	if ((size_t)count != options.size)
		die("MSG_WAITALL returned %zd bytes of %zu", count, options.size);
	received(end, flagged(), 0, options.size);
	send_range(end, 0, options.size);
	expect_end(end);
	shut(end);
}

/* The byte in the middle is urgent: sent as part of the stream, received beside it. */
void urgent_client(struct end *end)
{
	size_t middle = options.size / 2;
	send_range(end, 0, middle);
	if (make_call(CALL_SENDTO, end->fd, as_argument(end->out + middle), 1, MSG_OOB, 0, 0) != 1)
		die_errno("sendto with MSG_OOB");
	sent(end, CALL_SENDTO, middle, 1);
	send_range(end, middle + 1, options.size - middle - 1);
	receive_range(end, options.receive, 0, options.size, 0);
	shut(end);
	expect_end(end);
}

void urgent_server(struct end *end)
{
	size_t middle = options.size / 2;
	uint8_t byte;
	receive_range(end, options.receive, 0, middle, 0);
	wait_ready(end->fd, POLLPRI);
	if (make_call(CALL_RECVFROM, end->fd, as_argument(&byte), 1, MSG_OOB, 0, 0) != 1)
		die_errno("recvfrom with MSG_OOB");
	if (byte != end->expected[middle])
		die("the urgent byte is another one");
	end->urgent++;
	receive_range(end, options.receive, middle + 1, options.size - middle - 1, 0);
	send_range(end, 0, options.size);
	expect_end(end);
	shut(end);
}
