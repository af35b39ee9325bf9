/* SPDX-License-Identifier: Apache-2.0 */
/* Calls of an unusual shape. */
#define _GNU_SOURCE
#include "cases.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#if defined(__x86_64__)

/* The kernel's 32-bit entry takes the lower halves of registers: nobody says that the upper ones are 0. */
#define UPPER_HALF 0x5a5a5a5a00000000L

static long call_32_bit(long number, uint32_t first, uint32_t second, uint32_t third)
{
	long result;

	asm volatile("int $0x80"
		     : "=a"(result)
		     : "a"(number), "b"(UPPER_HALF | first), "c"(UPPER_HALF | second), "d"(UPPER_HALF | third),
		       "S"(UPPER_HALF), "D"(UPPER_HALF)
		     : "memory", "cc", "r8", "r9", "r10", "r11");
	return (int)result;
}

static void on_fault(int signal)
{
	static const char text[] = "{\"unsupported\":\"this kernel takes no 32-bit calls\"}\n";

	(void)signal;
	_exit(write(STDOUT_FILENO, text, sizeof(text) - 1) < 0);
}

#define PAGE 4096

/* Two pages in the lower 4 GiB, of which the second cannot be read. */
static char *low_page(void)
{
	char *page = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);

	if (page == MAP_FAILED || mprotect(page + PAGE, PAGE, PROT_NONE))
		die("mmap");
	return page;
}

/* Where the bytes are then: up to the end of the page. */
static uint32_t at_end(char *page, const void *bytes, size_t size)
{
	return (uint32_t)(uintptr_t)memcpy(page + PAGE - size, bytes, size);
}

static void expect_result(long result, long expected, const char *what)
{
	if (result == expected)
		return;
	fprintf(stderr, "%s gave %ld\n", what, result);
	exit(1);
}

/*
 * Each of `count` calls by the 32-bit entry sends the same 8 bytes; behind the structures that it is given, no memory can be
 * read. The last one shuts down.
 */
void case_compat(void)
{
	enum { WRITE = 4, SOCKETCALL = 102, WRITEV = 146, SENDMMSG = 345, SENDMSG = 370 };
	enum { SOCKETCALL_SEND = 9, SOCKETCALL_SHUTDOWN = 13, SOCKETCALL_SENDMSG = 16 };
	static const char text[] = "eight by";
	struct sockaddr_in address;
	int listener = listen_on_loopback(5, &address);
	uint32_t client = connected_to(&address), server = accepted_from(listener);
	char *page = low_page(), received[64];

	add_client(client);
	signal(SIGSEGV, on_fault);
	uint32_t memory = (uint32_t)(uintptr_t)strcpy(page, text);
	uint32_t segment[2] = { memory, 8 };
	uint32_t segments = (uint32_t)(uintptr_t)memcpy(page + 64, segment, sizeof(segment));
	uint32_t message[8] = { 0, 0, segments, 1 }; /* msghdr: seven, mmsghdr: eight */
	uint32_t header = (uint32_t)(uintptr_t)memcpy(page + 128, message, 28);
	uint32_t send[4] = { client, memory, 8, 0 };
	uint32_t sendmsg[3] = { client, header, 0 };
	uint32_t shutdown[2] = { client, SHUT_WR };

	expect_result(call_32_bit(WRITE, client, at_end(page, text, 8), 8), 8, "write");
	expect_result(call_32_bit(WRITEV, client, at_end(page, segment, 8), 1), 8, "writev");
	expect_result(call_32_bit(SENDMSG, client, at_end(page, message, 28), 0), 8, "sendmsg");
	expect_result(call_32_bit(SENDMMSG, client, at_end(page, message, 32), 1), 1, "sendmmsg");
	expect_result(call_32_bit(SOCKETCALL, SOCKETCALL_SEND, at_end(page, send, 16), 0), 8, "socketcall send");
	expect_result(call_32_bit(SOCKETCALL, SOCKETCALL_SENDMSG, at_end(page, sendmsg, 12), 0), 8,
		      "socketcall sendmsg");
	expect_result(call_32_bit(SOCKETCALL, SOCKETCALL_SHUTDOWN, at_end(page, shutdown, 8), 0), 0,
		      "socketcall shutdown");
	report.count = 6;
	expect_result(recv(server, received, sizeof(received), MSG_WAITALL), 48, "recv");
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
