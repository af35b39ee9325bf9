/* SPDX-License-Identifier: Apache-2.0 */
/* One system call each, on an end's socket, with the segments and messages that the options ask for. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIPE_BYTES 65536

bool call_sends(enum call call)
{
	return call == CALL_WRITE || call == CALL_WRITEV || call == CALL_PWRITEV2 || call == CALL_SENDTO ||
	       call == CALL_SENDMSG || call == CALL_SENDMMSG || call == CALL_SENDFILE || call == CALL_SPLICE;
}

bool call_receives(enum call call)
{
	return call == CALL_READ || call == CALL_READV || call == CALL_PREADV2 || call == CALL_RECVFROM ||
	       call == CALL_RECVMSG || call == CALL_RECVMMSG || call == CALL_SPLICE;
}

bool call_takes_flags(enum call call)
{
	return call == CALL_RECVFROM || call == CALL_RECVMSG || call == CALL_RECVMMSG || call == CALL_SENDTO ||
	       call == CALL_SENDMSG || call == CALL_SENDMMSG;
}

static unsigned message_count(size_t size)
{
	return size < options.messages ? 1 : options.messages;
}

/* The messages share the bytes out evenly; the last one takes the rest. */
static void messages_make(struct mmsghdr *headers, struct scatter *scatters, unsigned count, size_t size)
{
	memset(headers, 0, count * sizeof(*headers));
	for (unsigned i = 0; i < count; i++) {
		size_t share = i + 1 < count ? size / count : size - size / count * (count - 1);
		scatter_make(&scatters[i], share, options.segments);
		headers[i].msg_hdr.msg_iov = scatters[i].segments;
		headers[i].msg_hdr.msg_iovlen = options.segments;
	}
}

static ssize_t send_messages(int fd, const uint8_t *data, size_t size, int flags)
{
	struct mmsghdr headers[MAX_MESSAGES];
	unsigned count = message_count(size);
	struct scatter *scatters = allocate(count * sizeof(*scatters));
	messages_make(headers, scatters, count, size);
	for (unsigned i = 0; i < count; i++) {
		scatter_put(&scatters[i], options.segments, data);
		data += i + 1 < count ? size / count : 0;
	}
	long result = make_call(CALL_SENDMMSG, fd, as_argument(headers), count, flags, 0, 0);
	int error = errno;
	ssize_t bytes = result < 0 ? -1 : 0;
	for (long i = 0; i < result; i++)
		bytes += headers[i].msg_len;
	for (unsigned i = 0; i < count; i++)
		scatter_free(&scatters[i]);
	free(scatters);
	errno = error;
	return bytes;
}

/* MSG_WAITFORONE: the first message may block, the others take what is there. With MSG_WAITALL each one waits. */
static ssize_t receive_messages(int fd, uint8_t *out, size_t size, int flags)
{
	struct mmsghdr headers[MAX_MESSAGES];
	/* Each peeking message would get the same bytes again. */
	unsigned count = flags & MSG_PEEK ? 1 : message_count(size);
	struct scatter *scatters = allocate(count * sizeof(*scatters));
	messages_make(headers, scatters, count, size);
	int wait = flags & MSG_WAITALL ? 0 : MSG_WAITFORONE;
	long result = make_call(CALL_RECVMMSG, fd, as_argument(headers), count, flags | wait, 0, 0);
	int error = errno;
	ssize_t bytes = result < 0 ? -1 : 0;
	for (long i = 0; i < result; i++) {
		if (!(flags & MSG_TRUNC))
			scatter_get(&scatters[i], options.segments, out + bytes, headers[i].msg_len);
		bytes += headers[i].msg_len;
	}
	for (unsigned i = 0; i < count; i++)
		scatter_free(&scatters[i]);
	free(scatters);
	errno = error;
	return bytes;
}

/* The position -1 means "where the file is"; a socket knows no other. */
static ssize_t send_segments(int fd, enum call call, const uint8_t *data, size_t size, int flags)
{
	struct scatter *scatter = allocate(sizeof(*scatter));
	scatter_make(scatter, size, options.segments);
	scatter_put(scatter, options.segments, data);
	struct msghdr header = { .msg_iov = scatter->segments, .msg_iovlen = options.segments };
	long result;
	if (call == CALL_WRITEV)
		result = make_call(call, fd, as_argument(scatter->segments), options.segments, 0, 0, 0);
	else if (call == CALL_PWRITEV2)
		result = make_call(call, fd, as_argument(scatter->segments), options.segments, -1, -1, 0);
	else
		result = make_call(CALL_SENDMSG, fd, as_argument(&header), flags, 0, 0, 0);
	int error = errno;
	scatter_free(scatter);
	free(scatter);
	errno = error;
	return result;
}

static ssize_t receive_segments(int fd, enum call call, uint8_t *out, size_t size, int flags)
{
	struct scatter *scatter = allocate(sizeof(*scatter));
	scatter_make(scatter, size, options.segments);
	struct msghdr header = { .msg_iov = scatter->segments, .msg_iovlen = options.segments };
	long result;
	if (call == CALL_READV)
		result = make_call(call, fd, as_argument(scatter->segments), options.segments, 0, 0, 0);
	else if (call == CALL_PREADV2)
		result = make_call(call, fd, as_argument(scatter->segments), options.segments, -1, -1, 0);
	else
		result = make_call(CALL_RECVMSG, fd, as_argument(&header), flags, 0, 0, 0);
	int error = errno;
	if (result > 0 && !(flags & MSG_TRUNC))
		scatter_get(scatter, options.segments, out, (size_t)result);
	scatter_free(scatter);
	free(scatter);
	errno = error;
	return result;
}

static void make_pipe(int *ends)
{
	if (ends[0] < 0 && pipe2(ends, O_CLOEXEC))
		die_errno("pipe2");
}

/* file -> pipe -> socket. What the socket did not take stays in the pipe for the next call. */
static ssize_t send_spliced(struct end *end, size_t offset, size_t size)
{
	make_pipe(end->out_pipe);
	if (end->piped == 0 && size > 0) {
		loff_t position = (loff_t)offset;
		size_t wanted = size < PIPE_BYTES ? size : PIPE_BYTES;
		long count = make_call(CALL_SPLICE, end->out_file, as_argument(&position), end->out_pipe[1], 0, (long)wanted, 0);
		if (count <= 0)
			die_errno("splice from the file to the pipe");
		end->piped = (size_t)count;
	}
	long result = make_call(CALL_SPLICE, end->out_pipe[0], 0, end->fd, 0, (long)end->piped, 0);
	if (result > 0)
		end->piped -= (size_t)result;
	return result;
}

/* socket -> pipe -> file, and from there to memory for the comparison. */
static ssize_t receive_spliced(struct end *end, uint8_t *out, size_t size)
{
	make_pipe(end->in_pipe);
	if (end->in_file < 0)
		end->in_file = temporary_file(NULL, 0);
	size_t wanted = size < PIPE_BYTES ? size : PIPE_BYTES;
	long result = make_call(CALL_SPLICE, end->fd, 0, end->in_pipe[1], 0, (long)wanted, 0);
	loff_t position = 0;
	for (long done = 0; done < result;) {
		long count = make_call(CALL_SPLICE, end->in_pipe[0], 0, end->in_file, as_argument(&position),
				       result - done, 0);
		if (count <= 0)
			die_errno("splice from the pipe to the file");
		done += count;
	}
	if (result > 0 && pread(end->in_file, out, (size_t)result, 0) != result)
		die_errno("pread from the temporary file");
	return result;
}

ssize_t send_once(struct end *end, enum call call, size_t offset, size_t size, int flags)
{
	const uint8_t *data = end->out + offset;
	switch (call) {
	case CALL_WRITE:
		return make_call(CALL_WRITE, end->fd, as_argument(data), (long)size, 0, 0, 0);
	case CALL_SENDTO:
		return make_call(CALL_SENDTO, end->fd, as_argument(data), (long)size, flags, 0, 0);
	case CALL_SENDMMSG:
		return send_messages(end->fd, data, size, flags);
	case CALL_SENDFILE: {
		int64_t position = (int64_t)offset; /* whatever this program is compiled for */
		return make_call(CALL_SENDFILE, end->fd, end->out_file, as_argument(&position), (long)size, 0, 0);
	}
	case CALL_SPLICE:
		return send_spliced(end, offset, size);
	default:
		return send_segments(end->fd, call, data, size, flags);
	}
}

ssize_t receive_once(struct end *end, enum call call, uint8_t *out, size_t size, int flags)
{
	switch (call) {
	case CALL_READ:
		return make_call(CALL_READ, end->fd, as_argument(out), (long)size, 0, 0, 0);
	case CALL_RECVFROM:
		return make_call(CALL_RECVFROM, end->fd, as_argument(out), (long)size, flags, 0, 0);
	case CALL_RECVMMSG:
		return receive_messages(end->fd, out, size, flags);
	case CALL_SPLICE:
		return receive_spliced(end, out, size);
	default:
		return receive_segments(end->fd, call, out, size, flags);
	}
}
