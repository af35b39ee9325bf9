/* SPDX-License-Identifier: Apache-2.0 */
/* Loops over single calls: they account for every byte and compare it with the payload. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

void count_error(struct end *end)
{
	if (errno <= 0 || errno >= MAX_ERRNO)
		die("unknown error number %d", errno);
	__atomic_add_fetch(&end->failed[errno], 1, __ATOMIC_SEQ_CST);
}

/* Records that one call sent the bytes from offset on. */
void sent(struct end *end, enum call call, size_t offset, size_t size)
{
	if (size == 0)
		return;
	end->calls[call]++;
	end->egress_crc = crc32_update(end->egress_crc, end->out + offset, size);
	__atomic_add_fetch(&end->egress, size, __ATOMIC_SEQ_CST);
}

/* Records that one call received the bytes from offset on, which lie in end->in, and checks them. */
void received(struct end *end, enum call call, size_t offset, size_t size)
{
	if (size == 0)
		return;
	for (size_t i = offset; i < offset + size; i++) {
		if (end->in[i] != end->expected[i])
			die("%s received 0x%02x at %zu, not 0x%02x", call_names[call], end->in[i], i, end->expected[i]);
	}
	end->calls[call]++;
	end->ingress_crc = crc32_update(end->ingress_crc, end->in + offset, size);
	__atomic_add_fetch(&end->ingress, size, __ATOMIC_SEQ_CST);
}

/* A size of 0 is one call with nothing to send: it succeeds and moves no byte. */
void send_range(struct end *end, size_t offset, size_t size)
{
	size_t done = 0;
	do {
		size_t wanted = size - done < options.call_size ? size - done : options.call_size;
		ssize_t count = send_once(end, options.send, offset + done, wanted, 0);
		if (count < 0 && errno == EAGAIN) {
			count_error(end);
			__atomic_add_fetch(&end->full, 1, __ATOMIC_SEQ_CST);
			wait_ready(end->fd, POLLOUT);
			continue;
		}
		if (count < 0)
			die_errno(call_names[options.send]);
		if (count == 0 && wanted > 0)
			die("%s moved nothing", call_names[options.send]);
		/* The pipe may hold less than was wanted of it: what the socket did not take is what stayed there. */
		if (options.send == CALL_SPLICE ? end->piped > 0 : (size_t)count < wanted)
			end->partial++;
		sent(end, options.send, offset + done, (size_t)count);
		done += (size_t)count;
	} while (done < size);
}

void receive_range(struct end *end, enum call call, size_t offset, size_t size, int flags)
{
	for (size_t done = 0; done < size;) {
		size_t wanted = size - done < options.call_size ? size - done : options.call_size;
		ssize_t count = receive_once(end, call, end->in + offset + done, wanted, flags);
		if (count < 0 && errno == EAGAIN) {
			count_error(end);
			wait_ready(end->fd, POLLIN);
			continue;
		}
		if (count < 0)
			die_errno(call_names[call]);
		if (count == 0)
			die("%s: the stream ended %zu bytes early", call_names[call], size - done);
		received(end, call, offset + done, (size_t)count);
		done += (size_t)count;
	}
}

void shut(struct end *end)
{
	if (make_call(CALL_SHUTDOWN, end->fd, SHUT_WR, 0, 0, 0, 0))
		die_errno("shutdown");
	end->calls[CALL_SHUTDOWN]++;
}

/* The end of the stream, seen by the call under test: it returns 0 (recvmmsg: messages of length 0). */
void expect_end(struct end *end)
{
	uint8_t scratch[64];
	for (;;) {
		ssize_t count = receive_once(end, options.receive, scratch, sizeof(scratch), 0);
		if (count == 0)
			return;
		if (count > 0)
			die("%s: %zd bytes too many", call_names[options.receive], count);
		if (errno != EAGAIN)
			die_errno(call_names[options.receive]);
		count_error(end);
		wait_ready(end->fd, POLLIN);
	}
}
