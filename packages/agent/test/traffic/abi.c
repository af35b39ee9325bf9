/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls under test, by the kernel interface that --abi names. On x86-64 a 64-bit program can make the calls of 32-bit ones (int $0x80):
 * all that such a call is given lies in the lower 4 GiB, so structures are rewritten into a piece of memory there, and
 * buffers go through it. Compiled as a 32-bit program, this file makes 32-bit calls as a matter of course.
 */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const long native_numbers[CALL_MAX] = {
	[CALL_READ] = SYS_read,
	[CALL_WRITE] = SYS_write,
	[CALL_READV] = SYS_readv,
	[CALL_WRITEV] = SYS_writev,
	[CALL_PREADV2] = SYS_preadv2,
	[CALL_PWRITEV2] = SYS_pwritev2,
	[CALL_RECVFROM] = SYS_recvfrom,
	[CALL_SENDTO] = SYS_sendto,
	[CALL_RECVMSG] = SYS_recvmsg,
	[CALL_SENDMSG] = SYS_sendmsg,
	[CALL_RECVMMSG] = SYS_recvmmsg,
	[CALL_SENDMMSG] = SYS_sendmmsg,
	[CALL_CONNECT] = SYS_connect,
#if defined(SYS_accept)
	[CALL_ACCEPT] = SYS_accept,
#else
	[CALL_ACCEPT] = SYS_accept4, /* i386 has the other one in socketcall(2) only; without flags they are the same */
#endif
	[CALL_ACCEPT4] = SYS_accept4,
#if defined(SYS_sendfile64)
	[CALL_SENDFILE] = SYS_sendfile64,
#else
	[CALL_SENDFILE] = SYS_sendfile,
#endif
	[CALL_SPLICE] = SYS_splice,
	[CALL_SHUTDOWN] = SYS_shutdown,
};

#if defined(__x86_64__) && !defined(__ILP32__)

#define SOCKETCALL 102
#define LOW_MEMORY (2ul * MAX_SIZE)

/* The two columns of a call that has two numbers are used by turns. socketcall has send and recv besides sendto and recvfrom. */
static const struct {
	uint32_t number[2];
	uint32_t socketcall[2];
} narrow_numbers[CALL_MAX] = {
	[CALL_READ] = { { 3, 3 }, { 0, 0 } },
	[CALL_WRITE] = { { 4, 4 }, { 0, 0 } },
	[CALL_READV] = { { 145, 145 }, { 0, 0 } },
	[CALL_WRITEV] = { { 146, 146 }, { 0, 0 } },
	[CALL_PREADV2] = { { 378, 378 }, { 0, 0 } },
	[CALL_PWRITEV2] = { { 379, 379 }, { 0, 0 } },
	[CALL_RECVFROM] = { { 371, 371 }, { 10, 12 } },
	[CALL_SENDTO] = { { 369, 369 }, { 9, 11 } },
	[CALL_RECVMSG] = { { 372, 372 }, { 17, 17 } },
	[CALL_SENDMSG] = { { 370, 370 }, { 16, 16 } },
	[CALL_RECVMMSG] = { { 337, 417 }, { 19, 19 } },
	[CALL_SENDMMSG] = { { 345, 345 }, { 20, 20 } },
	[CALL_CONNECT] = { { 362, 362 }, { 3, 3 } },
	[CALL_ACCEPT] = { { SOCKETCALL, SOCKETCALL }, { 5, 5 } },
	[CALL_ACCEPT4] = { { 364, 364 }, { 18, 18 } },
	[CALL_SENDFILE] = { { 187, 239 }, { 0, 0 } },
	[CALL_SPLICE] = { { 313, 313 }, { 0, 0 } },
	[CALL_SHUTDOWN] = { { 373, 373 }, { 13, 13 } },
};

struct narrow_iovec {
	uint32_t base, length;
};

struct narrow_msghdr {
	uint32_t name, name_length, segments, segment_count, control, control_length, flags;
};

struct narrow_mmsghdr {
	struct narrow_msghdr header;
	uint32_t length;
};

/* Of each thread, made when it first needs one; `low_used` bytes of it belong to the current call. */
static _Thread_local uint8_t *low_memory;
static _Thread_local size_t low_used;

static void *take(size_t size)
{
	if (!low_memory) {
		low_memory = mmap(NULL, LOW_MEMORY, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT, -1, 0);
		if (low_memory == MAP_FAILED)
			die_errno("mmap in the lower 4 GiB");
	}
	void *place = low_memory + low_used;
	low_used += (size + 15) / 16 * 16;
	if (low_used > LOW_MEMORY)
		die("one 32-bit call needs more than %lu bytes", LOW_MEMORY);
	return place;
}

static uint32_t low_address(const void *place)
{
	return (uint32_t)(uintptr_t)place;
}

/* A copy in the lower 4 GiB; NULL stays NULL. */
static uint32_t low_copy(const void *from, size_t size)
{
	return from ? low_address(memcpy(take(size), from, size)) : 0;
}

static void copy_back(void *to, uint32_t from, size_t size)
{
	if (to)
		memcpy(to, (void *)(uintptr_t)from, size);
}

static uint32_t narrow_segments(const struct iovec *segments, size_t count)
{
	struct narrow_iovec *narrow = take(count * sizeof(*narrow));
	for (size_t i = 0; i < count; i++) {
		narrow[i].base = low_copy(segments[i].iov_base, segments[i].iov_len);
		narrow[i].length = (uint32_t)segments[i].iov_len;
	}
	return low_address(narrow);
}

static void widen_segments(const struct iovec *segments, uint32_t from, size_t count)
{
	const struct narrow_iovec *narrow = (void *)(uintptr_t)from;
	for (size_t i = 0; i < count; i++)
		copy_back(segments[i].iov_base, narrow[i].base, segments[i].iov_len);
}

static struct narrow_msghdr narrow_header(const struct msghdr *header)
{
	return (struct narrow_msghdr){ .segments = narrow_segments(header->msg_iov, header->msg_iovlen),
				       .segment_count = (uint32_t)header->msg_iovlen };
}

/* For any memory that a call only reads, copying back changes nothing. */
static long call_with_segments(uint32_t *arguments, const struct iovec *segments, size_t count,
			       long (*make)(uint32_t *arguments))
{
	arguments[1] = narrow_segments(segments, count);
	long result = make(arguments);
	widen_segments(segments, arguments[1], count);
	return result;
}

static long call_with_message(uint32_t *arguments, const struct msghdr *header, long (*make)(uint32_t *arguments))
{
	struct narrow_msghdr *narrow = take(sizeof(*narrow));
	*narrow = narrow_header(header);
	arguments[1] = low_address(narrow);
	long result = make(arguments);
	widen_segments(header->msg_iov, narrow->segments, header->msg_iovlen);
	return result;
}

static long call_with_messages(uint32_t *arguments, struct mmsghdr *headers, long (*make)(uint32_t *arguments))
{
	unsigned count = arguments[2];
	struct narrow_mmsghdr *narrow = take(count * sizeof(*narrow));
	for (unsigned i = 0; i < count; i++)
		narrow[i] = (struct narrow_mmsghdr){ .header = narrow_header(&headers[i].msg_hdr) };
	arguments[1] = low_address(narrow);
	long result = make(arguments);
	for (unsigned i = 0; i < count; i++) {
		headers[i].msg_len = narrow[i].length;
		widen_segments(headers[i].msg_hdr.msg_iov, narrow[i].header.segments,
			       headers[i].msg_hdr.msg_iovlen);
	}
	return result;
}

/* Argument `at` is a pointer to `size` bytes. */
static long call_with_memory(uint32_t *arguments, unsigned at, void *memory, size_t size,
			     long (*make)(uint32_t *arguments))
{
	arguments[at] = low_copy(memory, size);
	long result = make(arguments);
	copy_back(memory, arguments[at], size);
	return result;
}

/* long enter(uint32_t number, const uint32_t arguments[6]) */
long enter(uint32_t number, const uint32_t *arguments);
asm(".text\n"
    "enter:\n"
    "	push %rbx\n"
    "	push %rbp\n"
    "	mov %edi, %eax\n"
    "	mov %rsi, %r8\n"
    "	mov (%r8), %ebx\n"
    "	mov 4(%r8), %ecx\n"
    "	mov 8(%r8), %edx\n"
    "	mov 12(%r8), %esi\n"
    "	mov 16(%r8), %edi\n"
    "	mov 20(%r8), %ebp\n"
    "	int $0x80\n"
    "	cltq\n"
    "	pop %rbp\n"
    "	pop %rbx\n"
    "	ret\n");

static _Thread_local enum call current;

static long make_narrow(uint32_t *arguments)
{
	static _Thread_local unsigned turn;
	const uint32_t *socketcall = narrow_numbers[current].socketcall;
	uint32_t number = narrow_numbers[current].number[turn++ % 2];
	if (number != SOCKETCALL && (options.abi != ABI_SOCKETCALL || !socketcall[0]))
		return enter(number, arguments);
	const uint32_t multiplexed[6] = { socketcall[turn % 2], low_copy(arguments, 6 * sizeof(*arguments)) };
	return enter(SOCKETCALL, multiplexed);
}

static long call_narrow(enum call call, const long *wide)
{
	uint32_t arguments[6];
	for (int i = 0; i < 6; i++)
		arguments[i] = (uint32_t)wide[i];
	low_used = 0;
	current = call;
	switch (call) {
	case CALL_READ:
	case CALL_WRITE:
	case CALL_RECVFROM:
	case CALL_SENDTO:
		return call_with_memory(arguments, 1, (void *)wide[1], (size_t)wide[2], make_narrow);
	case CALL_CONNECT:
		return call_with_memory(arguments, 1, (void *)wide[1], (size_t)wide[2], make_narrow);
	case CALL_READV:
	case CALL_WRITEV:
	case CALL_PREADV2:
	case CALL_PWRITEV2:
		return call_with_segments(arguments, (void *)wide[1], (size_t)wide[2], make_narrow);
	case CALL_RECVMSG:
	case CALL_SENDMSG:
		return call_with_message(arguments, (void *)wide[1], make_narrow);
	case CALL_RECVMMSG:
	case CALL_SENDMMSG:
		return call_with_messages(arguments, (void *)wide[1], make_narrow);
	case CALL_SENDFILE:
		return call_with_memory(arguments, 2, (void *)wide[2], sizeof(off_t), make_narrow);
	case CALL_SPLICE: {
		arguments[3] = low_copy((void *)wide[3], sizeof(loff_t));
		long result = call_with_memory(arguments, 1, (void *)wide[1], sizeof(loff_t), make_narrow);
		copy_back((void *)wide[3], arguments[3], sizeof(loff_t));
		return result;
	}
	default:
		return make_narrow(arguments);
	}
}

static void on_fault(int signal_number)
{
	static const char text[] = "traffic: this kernel takes no 32-bit calls\n";
	(void)signal_number;
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)written;
	_exit(3);
}

/* Without CONFIG_IA32_EMULATION, or with ia32_emulation=0, the instruction is a fault. */
void abi_check(void)
{
	const uint32_t nothing[6] = { 0 };
	if (options.abi == ABI_NATIVE)
		return;
	signal(SIGSEGV, on_fault);
	if (enter(20 /* getpid */, nothing) != getpid())
		on_fault(0);
	signal(SIGSEGV, SIG_DFL);
}

#else

static long call_narrow(enum call call, const long *wide)
{
	(void)wide;
	die("%s: there is no other interface than this program's own", call_names[call]);
}

void abi_check(void)
{
	static const char text[] = "traffic: only x86-64 lets a 64-bit program make 32-bit calls\n";
	if (options.abi == ABI_NATIVE)
		return;
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)written;
	_exit(3);
}

#endif

long make_call(enum call call, long a, long b, long c, long d, long e, long f)
{
	if (options.abi == ABI_NATIVE)
		return syscall(native_numbers[call], a, b, c, d, e, f);
	long result = call_narrow(call, (const long[]){ a, b, c, d, e, f });
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}
