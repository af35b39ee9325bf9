/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of system calls. Every attach strategy, the record's syscall names and the documentation
 * are made from it: to add a call is to add a line.
 *
 *   X(name, kernel function without its prefix, number on x86-64, number on arm64, shape of the arguments, direction)
 *
 * Shapes:
 *   BUFFER    (fd, buffer, count)                     returns bytes
 *   BUFFER_F  (fd, buffer, count, flags)              returns bytes
 *   IOVEC     (fd, iovec[], count)                    returns bytes
 *   MESSAGE   (fd, msghdr, flags)                     returns bytes
 *   MESSAGES  (fd, mmsghdr[], count, flags)           returns messages
 *   CONNECT   (fd, ...)                               returns 0
 *   ACCEPT    (fd, ...)                               returns the new file descriptor
 *   SENDFILE  (out_fd, in_fd, ...)                    returns bytes, never in user memory
 *   SPLICE    (in_fd, offset, out_fd, ...)            returns bytes, never in user memory
 *   SHUTDOWN  (fd, how)                               returns 0
 *
 * A direction of NONE means that the shape decides.
 */
#ifndef TCPTRACKER_SYSCALLS_H
#define TCPTRACKER_SYSCALLS_H

#define TT_SYSCALLS(X)                                                \
	X(READ, read, 0, 63, BUFFER, INGRESS)                         \
	X(WRITE, write, 1, 64, BUFFER, EGRESS)                        \
	X(READV, readv, 19, 65, IOVEC, INGRESS)                       \
	X(WRITEV, writev, 20, 66, IOVEC, EGRESS)                      \
	X(PREADV2, preadv2, 327, 286, IOVEC, INGRESS)                 \
	X(PWRITEV2, pwritev2, 328, 287, IOVEC, EGRESS)                \
	X(RECVFROM, recvfrom, 45, 207, BUFFER_F, INGRESS)             \
	X(SENDTO, sendto, 44, 206, BUFFER_F, EGRESS)                  \
	X(RECVMSG, recvmsg, 47, 212, MESSAGE, INGRESS)                \
	X(SENDMSG, sendmsg, 46, 211, MESSAGE, EGRESS)                 \
	X(RECVMMSG, recvmmsg, 299, 243, MESSAGES, INGRESS)            \
	X(SENDMMSG, sendmmsg, 307, 269, MESSAGES, EGRESS)             \
	X(CONNECT, connect, 42, 203, CONNECT, NONE)                   \
	X(ACCEPT, accept, 43, 202, ACCEPT, NONE)                      \
	X(ACCEPT4, accept4, 288, 242, ACCEPT, NONE)                   \
	X(SENDFILE, sendfile64, 40, 71, SENDFILE, EGRESS)             \
	X(SPLICE, splice, 275, 76, SPLICE, NONE)                      \
	X(SHUTDOWN, shutdown, 48, 210, SHUTDOWN, NONE)

/*
 * What io_uring does on a socket without a system call for each: those of its operations (IORING_OP_*, an ABI)
 * that are like calls of the table above.
 *
 *   X(name, number, shape of the arguments, direction)
 */
#define TT_IO_URING_OPERATIONS(X)                         \
	X(READV, 1, IOVEC, INGRESS)                       \
	X(WRITEV, 2, IOVEC, EGRESS)                       \
	X(READ_FIXED, 4, BUFFER, INGRESS)                 \
	X(WRITE_FIXED, 5, BUFFER, EGRESS)                 \
	X(SENDMSG, 9, MESSAGE, EGRESS)                    \
	X(RECVMSG, 10, MESSAGE, INGRESS)                  \
	X(ACCEPT, 13, ACCEPT, NONE)                       \
	X(CONNECT, 16, CONNECT, NONE)                     \
	X(READ, 22, BUFFER, INGRESS)                      \
	X(WRITE, 23, BUFFER, EGRESS)                      \
	X(SEND, 26, BUFFER_F, EGRESS)                     \
	X(RECV, 27, BUFFER_F, INGRESS)                    \
	X(SPLICE, 30, SPLICE, NONE)                       \
	X(SHUTDOWN, 34, SHUTDOWN, NONE)                   \
	X(SEND_ZC, 47, BUFFER_F, EGRESS)                  \
	X(SENDMSG_ZC, 48, MESSAGE, EGRESS)                \
	X(READ_MULTISHOT, 49, BUFFER, INGRESS)            \
	X(READV_FIXED, 60, IOVEC, INGRESS)                \
	X(WRITEV_FIXED, 61, IOVEC, EGRESS)

/*
 * The numbers by which 32-bit programs on a 64-bit kernel make calls that move bytes (read, write, readv,
 * writev, preadv2, pwritev2, sendfile, sendfile64, splice, socketcall, connect, accept4, send*, recv*). Such calls are
 * counted, not recorded: their structures are laid out differently.
 */
#define TT_COMPAT_SYSCALLS_X86(X) \
	X(3) X(4) X(145) X(146) X(378) X(379) X(187) X(239) X(313) X(102) X(362) X(364) X(369) X(370) X(371) \
	X(372) X(337) X(345) X(417)
#define TT_COMPAT_SYSCALLS_ARM(X) \
	X(3) X(4) X(145) X(146) X(392) X(393) X(187) X(239) X(340) X(283) X(285) X(366) X(289) X(290) X(291) \
	X(292) X(296) X(297) X(365) X(374) X(417)

enum tt_syscall {
	TT_SYSCALL_NONE = 0,
#define X(name, function, x86_64, arm64, shape, direction) TT_SYSCALL_##name,
	TT_SYSCALLS(X)
#undef X
#define X(name, number, shape, direction) TT_SYSCALL_IO_URING_##name,
	TT_IO_URING_OPERATIONS(X)
#undef X
	TT_SYSCALL_MAX,
};

enum tt_shape {
	TT_SHAPE_NONE = 0,
	TT_SHAPE_BUFFER,
	TT_SHAPE_BUFFER_F,
	TT_SHAPE_IOVEC,
	TT_SHAPE_MESSAGE,
	TT_SHAPE_MESSAGES,
	TT_SHAPE_CONNECT,
	TT_SHAPE_ACCEPT,
	TT_SHAPE_SENDFILE,
	TT_SHAPE_SPLICE,
	TT_SHAPE_SHUTDOWN,

	/* Of io_uring only, for what was BUFFER, BUFFER_F, IOVEC or MESSAGE. */
	TT_SHAPE_PICKED,	/* (user iovec[], kernel iovec[], count, flags): the kernel has the first few */
	TT_SHAPE_PROVIDED,	/* (0, io_uring_buf[], first and mask, flags): several buffers of a ring */
	TT_SHAPE_UNKNOWN,	/* (0, 0, 0, flags): nobody knows any more where the bytes are */
};

#endif
