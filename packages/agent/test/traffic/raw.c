/* SPDX-License-Identifier: Apache-2.0 */
/* The transfer calls with one given piece of memory: for wrong pointers, wrong descriptors, and what is no socket. */
#define _GNU_SOURCE
#include "traffic.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Bytes, or -1 with errno. The caller's memory is never looked at here: it may not be there. */
long raw_transfer(enum call call, int fd, void *data, size_t size, int flags)
{
	struct iovec segment = { .iov_base = data, .iov_len = size };
	struct mmsghdr header = { .msg_hdr = { .msg_iov = &segment, .msg_iovlen = 1 } };
	long result;
	switch (call) {
	case CALL_READ:
		return make_call(call, fd, as_argument(data), (long)size, 0, 0, 0);
	case CALL_WRITE:
		return make_call(call, fd, as_argument(data), (long)size, 0, 0, 0);
	case CALL_READV:
		return make_call(call, fd, as_argument(&segment), 1, 0, 0, 0);
	case CALL_WRITEV:
		return make_call(call, fd, as_argument(&segment), 1, 0, 0, 0);
	case CALL_PREADV2:
		return make_call(call, fd, as_argument(&segment), 1, -1, -1, 0);
	case CALL_PWRITEV2:
		return make_call(call, fd, as_argument(&segment), 1, -1, -1, 0);
	case CALL_RECVFROM:
		return make_call(call, fd, as_argument(data), (long)size, flags, 0, 0);
	case CALL_SENDTO:
		return make_call(call, fd, as_argument(data), (long)size, flags, 0, 0);
	case CALL_RECVMSG:
		return make_call(call, fd, as_argument(&header.msg_hdr), flags, 0, 0, 0);
	case CALL_SENDMSG:
		return make_call(call, fd, as_argument(&header.msg_hdr), flags, 0, 0, 0);
	case CALL_RECVMMSG:
		result = make_call(call, fd, as_argument(&header), 1, flags, 0, 0);
		return result < 0 ? result : (long)header.msg_len;
	case CALL_SENDMMSG:
		result = make_call(call, fd, as_argument(&header), 1, flags, 0, 0);
		return result < 0 ? result : (long)header.msg_len;
	default:
		die("%s moves no given memory", call_names[call]);
	}
}
