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
	long result = syscall(SYS_sendmmsg, fd, headers, count, flags);
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
	long result = syscall(SYS_recvmmsg, fd, headers, count, flags | wait, NULL);
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
		result = syscall(SYS_writev, fd, scatter->segments, (unsigned long)options.segments);
	else if (call == CALL_PWRITEV2)
		result = syscall(SYS_pwritev2, fd, scatter->segments, (unsigned long)options.segments, -1L, -1L, 0);
	else
		result = syscall(SYS_sendmsg, fd, &header, flags);
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
		result = syscall(SYS_readv, fd, scatter->segments, (unsigned long)options.segments);
	else if (call == CALL_PREADV2)
		result = syscall(SYS_preadv2, fd, scatter->segments, (unsigned long)options.segments, -1L, -1L, 0);
	else
		result = syscall(SYS_recvmsg, fd, &header, flags);
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
		long count = syscall(SYS_splice, end->out_file, &position, end->out_pipe[1], NULL, wanted, 0);
		if (count <= 0)
			die_errno("splice from the file to the pipe");
		end->piped = (size_t)count;
	}
	long result = syscall(SYS_splice, end->out_pipe[0], NULL, end->fd, NULL, end->piped, 0);
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
	long result = syscall(SYS_splice, end->fd, NULL, end->in_pipe[1], NULL, wanted, 0);
	loff_t position = 0;
	for (long done = 0; done < result;) {
		long count =
			syscall(SYS_splice, end->in_pipe[0], NULL, end->in_file, &position, (size_t)(result - done), 0);
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
		return syscall(SYS_write, end->fd, data, size);
	case CALL_SENDTO:
		return syscall(SYS_sendto, end->fd, data, size, flags, NULL, 0);
	case CALL_SENDMMSG:
		return send_messages(end->fd, data, size, flags);
	case CALL_SENDFILE: {
		off_t position = (off_t)offset;
		return syscall(SYS_sendfile, end->fd, end->out_file, &position, size);
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
		return syscall(SYS_read, end->fd, out, size);
	case CALL_RECVFROM:
		return syscall(SYS_recvfrom, end->fd, out, size, flags, NULL, NULL);
	case CALL_RECVMMSG:
		return receive_messages(end->fd, out, size, flags);
	case CALL_SPLICE:
		return receive_spliced(end, out, size);
	default:
		return receive_segments(end->fd, call, out, size, flags);
	}
}
