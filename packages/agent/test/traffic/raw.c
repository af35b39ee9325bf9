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
		return syscall(SYS_read, fd, data, size);
	case CALL_WRITE:
		return syscall(SYS_write, fd, data, size);
	case CALL_READV:
		return syscall(SYS_readv, fd, &segment, 1UL);
	case CALL_WRITEV:
		return syscall(SYS_writev, fd, &segment, 1UL);
	case CALL_PREADV2:
		return syscall(SYS_preadv2, fd, &segment, 1UL, -1L, -1L, 0);
	case CALL_PWRITEV2:
		return syscall(SYS_pwritev2, fd, &segment, 1UL, -1L, -1L, 0);
	case CALL_RECVFROM:
		return syscall(SYS_recvfrom, fd, data, size, flags, NULL, NULL);
	case CALL_SENDTO:
		return syscall(SYS_sendto, fd, data, size, flags, NULL, 0);
	case CALL_RECVMSG:
		return syscall(SYS_recvmsg, fd, &header.msg_hdr, flags);
	case CALL_SENDMSG:
		return syscall(SYS_sendmsg, fd, &header.msg_hdr, flags);
	case CALL_RECVMMSG:
		result = syscall(SYS_recvmmsg, fd, &header, 1, flags, NULL);
		return result < 0 ? result : (long)header.msg_len;
	case CALL_SENDMMSG:
		result = syscall(SYS_sendmmsg, fd, &header, 1, flags);
		return result < 0 ? result : (long)header.msg_len;
	default:
		die("%s moves no given memory", call_names[call]);
	}
}
