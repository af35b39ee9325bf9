/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The table of system calls. Every attach strategy, the record's syscall names and the documentation
 * are made from it: to add a call is to add a line.
 *
 *   X(name, kernel function without its prefix, its numbers, shape of the arguments, direction)
 *
 * The four numbers are those on x86-64, on arm64, and of 32-bit programs on kernels for these: i386 and ARM. The
 * structures that 32-bit programs pass are the same ones with 32-bit pointers and sizes.
 *
 * Shapes:
 *   BUFFER    (fd, buffer, count)                     returns bytes
 *   BUFFER_F  (fd, buffer, count, flags)              returns bytes
 *   IOVEC     (fd, iovec[], count)                    returns bytes
 *   MESSAGE   (fd, msghdr, flags)                     returns bytes
 *   MESSAGES  (fd, mmsghdr[], count, flags)           returns messages
 *   CONNECT   (fd, ...)                               returns 0
 *   ACCEPT    (fd, ...)                               returns the new file descriptor
 *   SENDFILE  (out_fd, in_fd, ...)                    returns bytes, never in user memory; in_fd may be the socket
 *   SPLICE    (in_fd, offset, out_fd, ...)            returns bytes, never in user memory
 *   SHUTDOWN  (fd, how)                               returns 0
 *   SOCKETCALL (which, arguments[])                   returns what that call returns
 *
 * A direction of NONE means that the shape decides.
 */
#ifndef TCPTRACKER_SYSCALLS_H
#define TCPTRACKER_SYSCALLS_H

/* No call will have this number for long; above are those of x32. */
#define TT_NO_NUMBER 511

#define TT_SYSCALLS(X)                                                \
	X(READ, read, 0, 63, 3, 3, BUFFER, INGRESS)                   \
	X(WRITE, write, 1, 64, 4, 4, BUFFER, EGRESS)                  \
	X(READV, readv, 19, 65, 145, 145, IOVEC, INGRESS)             \
	X(WRITEV, writev, 20, 66, 146, 146, IOVEC, EGRESS)            \
	X(PREADV2, preadv2, 327, 286, 378, 392, IOVEC, INGRESS)       \
	X(PWRITEV2, pwritev2, 328, 287, 379, 393, IOVEC, EGRESS)      \
	X(RECVFROM, recvfrom, 45, 207, 371, 292, BUFFER_F, INGRESS)   \
	X(SENDTO, sendto, 44, 206, 369, 290, BUFFER_F, EGRESS)        \
	X(RECVMSG, recvmsg, 47, 212, 372, 297, MESSAGE, INGRESS)      \
	X(SENDMSG, sendmsg, 46, 211, 370, 296, MESSAGE, EGRESS)       \
	X(RECVMMSG, recvmmsg, 299, 243, 337, 365, MESSAGES, INGRESS)  \
	X(SENDMMSG, sendmmsg, 307, 269, 345, 374, MESSAGES, EGRESS)   \
	X(CONNECT, connect, 42, 203, 362, 283, CONNECT, NONE)         \
	X(ACCEPT, accept, 43, 202, TT_NO_NUMBER, 285, ACCEPT, NONE)   \
	X(ACCEPT4, accept4, 288, 242, 364, 366, ACCEPT, NONE)         \
	X(SENDFILE, sendfile64, 40, 71, 239, 239, SENDFILE, EGRESS)   \
	X(SPLICE, splice, 275, 76, 313, 340, SPLICE, NONE)            \
	X(SHUTDOWN, shutdown, 48, 210, 373, 293, SHUTDOWN, NONE)

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
 * Further numbers by which 32-bit programs make the same calls: X(name, number on i386, on ARM, shape, direction).
 * These are sendfile with a 32-bit position, recvmmsg with a 64-bit time, and send and recv, which are
 * sendto and recvfrom without an address.
 */
#define TT_SYSCALLS_32(X)                                             \
	X(SENDFILE, 187, 187, SENDFILE, EGRESS)                       \
	X(RECVMMSG, 417, 417, MESSAGES, INGRESS)                      \
	X(SENDTO, TT_NO_NUMBER, 289, BUFFER_F, EGRESS)                \
	X(RECVFROM, TT_NO_NUMBER, 291, BUFFER_F, INGRESS)

/*
 * x32 programs (64-bit registers, 32-bit structures) use the numbers of x86-64 but for these, and mark all with
 * a bit: X(name, number, shape, direction).
 */
#define TT_X32_BIT 0x40000000
#define TT_SYSCALLS_X32(X)                                            \
	X(READV, 515, IOVEC, INGRESS)                                 \
	X(WRITEV, 516, IOVEC, EGRESS)                                 \
	X(RECVFROM, 517, BUFFER_F, INGRESS)                           \
	X(SENDMSG, 518, MESSAGE, EGRESS)                              \
	X(RECVMSG, 519, MESSAGE, INGRESS)                             \
	X(RECVMMSG, 537, MESSAGES, INGRESS)                           \
	X(SENDMMSG, 538, MESSAGES, EGRESS)                            \
	X(PREADV2, 546, IOVEC, INGRESS)                               \
	X(PWRITEV2, 547, IOVEC, EGRESS)

/*
 * On i386 one number stands for all calls on sockets, and its first argument for which; the second one is where the
 * arguments are: X(name, first argument, how many of the arguments matter, shape, direction). C libraries still use it
 * for what was no system call of its own before Linux 4.3.
 */
#define TT_SOCKETCALL_X86 102
#define TT_SOCKETCALLS(X)                                             \
	X(CONNECT, 3, 2, CONNECT, NONE)                               \
	X(ACCEPT, 5, 1, ACCEPT, NONE)                                 \
	X(SENDTO, 9, 4, BUFFER_F, EGRESS)                             \
	X(RECVFROM, 10, 4, BUFFER_F, INGRESS)                         \
	X(SENDTO, 11, 4, BUFFER_F, EGRESS)                            \
	X(RECVFROM, 12, 4, BUFFER_F, INGRESS)                         \
	X(SHUTDOWN, 13, 2, SHUTDOWN, NONE)                            \
	X(SENDMSG, 16, 3, MESSAGE, EGRESS)                            \
	X(RECVMSG, 17, 3, MESSAGE, INGRESS)                           \
	X(ACCEPT4, 18, 1, ACCEPT, NONE)                               \
	X(RECVMMSG, 19, 4, MESSAGES, INGRESS)                         \
	X(SENDMMSG, 20, 4, MESSAGES, EGRESS)

/*
 * The kernel functions, without the underscores they begin with, that serve 32-bit programs only, for the strategies
 * that attach to functions: X(function), those on files and those on sockets. Which there are depends on the
 * kernel: readv and writev have one of the two (5.10), x32 has any in few. Other calls share the function of 64-bit programs.
 */
#define TT_FILE_FUNCTIONS_32_X86(X)                                                                            \
	X(ia32_sys_read) X(ia32_sys_write) X(ia32_sys_readv) X(ia32_sys_writev) X(ia32_sys_splice)             \
	X(ia32_sys_sendfile64) X(ia32_compat_sys_readv) X(ia32_compat_sys_writev)                              \
	X(ia32_compat_sys_preadv2) X(ia32_compat_sys_pwritev2) X(ia32_compat_sys_sendfile)                     \
	X(x64_compat_sys_preadv64v2) X(x64_compat_sys_pwritev64v2)
#define TT_SOCKET_FUNCTIONS_32_X86(X)                                                                          \
	X(ia32_sys_connect) X(ia32_sys_accept4) X(ia32_sys_sendto) X(ia32_sys_shutdown)                        \
	X(ia32_compat_sys_recvfrom) X(ia32_compat_sys_recvmsg) X(ia32_compat_sys_sendmsg)                      \
	X(ia32_compat_sys_recvmmsg_time32) X(ia32_compat_sys_recvmmsg_time64)                                  \
	X(ia32_compat_sys_sendmmsg) X(ia32_compat_sys_socketcall)                                              \
	X(x64_compat_sys_recvfrom) X(x64_compat_sys_recvmsg) X(x64_compat_sys_sendmsg)                         \
	X(x64_compat_sys_recvmmsg_time64) X(x64_compat_sys_sendmmsg)
#define TT_FILE_FUNCTIONS_32_ARM64(X)                                                                          \
	X(arm64_compat_sys_readv) X(arm64_compat_sys_writev) X(arm64_compat_sys_preadv2)                       \
	X(arm64_compat_sys_pwritev2) X(arm64_compat_sys_sendfile)
#define TT_SOCKET_FUNCTIONS_32_ARM64(X)                                                                        \
	X(arm64_sys_send) X(arm64_compat_sys_recv) X(arm64_compat_sys_recvfrom) X(arm64_compat_sys_recvmsg)    \
	X(arm64_compat_sys_sendmsg) X(arm64_compat_sys_recvmmsg_time32)                                        \
	X(arm64_compat_sys_recvmmsg_time64) X(arm64_compat_sys_sendmmsg)

enum tt_syscall {
	TT_SYSCALL_NONE = 0,
#define X(name, ...) TT_SYSCALL_##name,
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
	TT_SHAPE_SOCKETCALL,

	/* Of io_uring only, for what was BUFFER, BUFFER_F, IOVEC or MESSAGE. */
	TT_SHAPE_PICKED,	/* (user iovec[], kernel iovec[], count, flags): the kernel has the first few */
	TT_SHAPE_PROVIDED,	/* (0, io_uring_buf[], first and mask, flags): several buffers of a ring */
	TT_SHAPE_UNKNOWN,	/* (0, 0, 0, flags): nobody knows any more where the bytes are */
};

#endif
