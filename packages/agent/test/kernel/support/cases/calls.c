/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of an unusual shape. */
#define _GNU_SOURCE
#include "cases.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__x86_64__)

/* The kernel's 32-bit entry takes its pointers from the lower halves of registers. */
struct low_memory {
	char text[64];
	struct {
		uint32_t base, length;
	} segment;
	uint32_t socketcall[4];
};

static long call_32_bit(long number, long first, long second, long third, long fourth)
{
	long result;

	/* The fifth argument of sendto and recvfrom, an address, is none. */
	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(number), "b"(first), "c"(second), "d"(third), "S"(fourth), "D"(0L)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)result;
}

static void on_fault(int signal)
{
	static const char text[] = "{\"unsupported\":\"this kernel takes no 32-bit calls\"}\n";

	(void)signal;
	_exit(write(STDOUT_FILENO, text, sizeof(text) - 1) < 0);
}

/* `count` calls by the 32-bit entry move bytes; as many again do not. */
void case_compat(void)
{
	enum { READ = 3, WRITE = 4, SOCKETCALL = 102, WRITEV = 146, SENDTO = 369, RECVFROM = 371, SEND = 9 };
	struct sockaddr_in address;
	int listener = listen_on_loopback(5, &address);
	int client = connected_to(&address), server = accepted_from(listener);
	struct low_memory *low = mmap(NULL, sizeof(*low), PROT_READ | PROT_WRITE,
				      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (low == MAP_FAILED)
		die("mmap");
	add_client(client);
	signal(SIGSEGV, on_fault);
	long memory = (long)low->text;
	strcpy(low->text, "eight by");
	low->segment.base = memory;
	low->segment.length = 8;
	uint32_t arguments[4] = { client, memory, 8, 0 };
	memcpy(low->socketcall, arguments, sizeof(arguments));
	const long moving[][5] = {
		{ WRITE, client, memory, 8, 0 },
		{ SENDTO, client, memory, 8, 0 },
		{ WRITEV, client, (long)&low->segment, 1, 0 },
		{ SOCKETCALL, SEND, (long)low->socketcall, 0, 0 },
		{ READ, server, memory, 8, 0 },
		{ RECVFROM, server, memory, 8, MSG_PEEK },
		{ RECVFROM, server, memory, 8, MSG_WAITALL },
	};
	for (size_t i = 0; i < sizeof(moving) / sizeof(*moving); i++) {
		const long *call = moving[i];

		if (call_32_bit(call[0], call[1], call[2], call[3], call[4]) != 8) {
			fprintf(stderr, "32-bit call %ld moved no bytes\n", call[0]);
			exit(1);
		}
		if (call_32_bit(call[0], -1, -1, call[3], call[4]) >= 0)
			die("a 32-bit call was to fail");
		report.count++;
	}
	close(client);
	close(server);
	close(listener);
}

#else

void case_compat(void)
{
	report.unsupported = "only x86-64 lets a 64-bit program make 32-bit calls";
}

#endif

static void *read_to_the_end(void *argument)
{
	static char buffer[1 << 20];
	unsigned long *sum = argument;
	ssize_t received;
	int fd = *sum;

	for (*sum = 0; (received = read(fd, buffer, sizeof(buffer))) > 0;)
		*sum += received;
	check(received, "read");
	return NULL;
}

/* A connection of which the server reads all that `send_all` sends; it gives the number of bytes. */
static void send_through(unsigned long (*send_all)(int fd))
{
	struct sockaddr_in address;
	pthread_t reader;
	int listener = listen_on_loopback(5, &address);
	int client = connected_to(&address), server = accepted_from(listener);
	unsigned long received = server;

	add_client(client);
	if (pthread_create(&reader, NULL, read_to_the_end, &received))
		die("pthread_create");
	report.count = send_all(client);
	shutdown(client, SHUT_WR);
	pthread_join(reader, NULL);
	if (received != report.count)
		die("not all was received");
	close(client);
	close(server);
	close(listener);
}

/* Byte i of what both cases send. */
static void fill(unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		bytes[i] = i * 31 + (i >> 8);
}

#define MESSAGES 1024
#define SEGMENTS 8

static unsigned long send_messages(int fd)
{
	static unsigned char bytes[MESSAGES * SEGMENTS];
	static struct iovec segments[MESSAGES * SEGMENTS];
	static struct mmsghdr messages[MESSAGES];

	fill(bytes, sizeof(bytes));
	for (size_t i = 0; i < MESSAGES * SEGMENTS; i++)
		segments[i] = (struct iovec){ &bytes[i], 1 };
	for (size_t i = 0; i < MESSAGES; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &segments[i * SEGMENTS], .msg_iovlen = SEGMENTS };
	if (sendmmsg(fd, messages, MESSAGES, 0) != MESSAGES)
		die("sendmmsg");
	return sizeof(bytes);
}

/* As many messages as one call takes, of single bytes. */
void case_messages(void)
{
	send_through(send_messages);
}

#define PAIRS 250
#define LARGE 1025

static unsigned long send_alternating(int fd)
{
	static unsigned char bytes[PAIRS * (1 + LARGE)];
	static struct iovec segments[2 * PAIRS];

	fill(bytes, sizeof(bytes));
	for (size_t i = 0; i < PAIRS; i++) {
		unsigned char *pair = &bytes[i * (1 + LARGE)];

		segments[2 * i] = (struct iovec){ pair, 1 };
		segments[2 * i + 1] = (struct iovec){ pair + 1, LARGE };
	}
	if (writev(fd, segments, 2 * PAIRS) != sizeof(bytes))
		die("writev");
	return sizeof(bytes);
}

/* Segments that are put together and segments that are not, by turns. */
void case_alternating(void)
{
	send_through(send_alternating);
}
