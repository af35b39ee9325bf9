/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is gone when the call returns: another thread takes it away while the call is blocked, when TCP has
 * taken from it, or put into it, what it wants. `count` is how many bytes the call moves; byte i is i * 31 + (i >> 8).
 */
#define _GNU_SOURCE
#include "cases.h"

#include <linux/sockios.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define SENT (4u << 20)
#define RECEIVED 200000u
/* The buffers do not begin with a page. */
#define START 100
/* Whatever goes is in the first pages of the buffer. */
#define AFFECTED (32u * PAGE)

static char *map(size_t size, int fd)
{
	int flags = fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (memory == MAP_FAILED)
		die("mmap");
	return memory;
}

static char *filled(size_t size, int fd)
{
	char *memory = map(START + size, fd) + START;

	for (size_t i = 0; i < size; i++)
		memory[i] = i * 31 + (i >> 8);
	return memory;
}

/* Single pages and runs, in each way that a page can go; never the first one. */
static void take_away(char *buffer)
{
	char *page = buffer - START;

	check(madvise(page + PAGE, PAGE, MADV_DONTNEED), "madvise");
	check(mprotect(page + 3 * PAGE, 2 * PAGE, PROT_NONE), "mprotect");
	check(munmap(page + 15 * PAGE, 4 * PAGE), "munmap");
}

static void connect_both(int *client, int *server)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(5, &address), small = 1 << 18;

	check(setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), "SO_RCVBUF");
	*client = connected_to(&address);
	*server = accepted_from(listener);
	check(setsockopt(*client, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), "SO_SNDBUF");
	add_client(*client);
	close(listener);
}

static int amount(int fd, unsigned long request)
{
	int bytes;

	check(ioctl(fd, request, &bytes), "ioctl");
	return bytes;
}

static void wait_a_moment(time_t deadline)
{
	if (time(NULL) > deadline)
		die("the call is not blocked");
	usleep(1000);
}

struct sender {
	int fd;
	ssize_t (*send)(int fd, void *what);
	void *what;
};

static void *send_all(void *argument)
{
	struct sender *sender = argument;

	if (sender->send(sender->fd, sender->what) != SENT)
		die("the call was to send everything");
	return NULL;
}

static void receive_all(int fd, size_t size)
{
	static char scratch[1 << 16];
	ssize_t received;

	for (; size > 0; size -= received)
		if ((received = recv(fd, scratch, size < sizeof(scratch) ? size : sizeof(scratch), 0)) <= 0)
			die("recv");
}

/* Calls `take` when TCP has taken what is affected, and before it can take everything. */
static void send_blocked(ssize_t (*send)(int fd, void *what), void *what, void (*take)(char *memory), char *memory)
{
	struct sender sender = { .send = send, .what = what };
	time_t deadline = time(NULL) + 10;
	pthread_t thread;
	int server;

	connect_both(&sender.fd, &server);
	if (pthread_create(&thread, NULL, send_all, &sender))
		die("pthread_create");
	while (amount(sender.fd, SIOCOUTQ) + amount(server, FIONREAD) < (int)AFFECTED)
		wait_a_moment(deadline);
	take(memory);
	receive_all(server, SENT);
	pthread_join(thread, NULL);
	close(sender.fd);
	close(server);
	report.count = SENT;
}

static ssize_t send_buffer(int fd, void *buffer)
{
	return send(fd, buffer, SENT, 0);
}

void case_fault_send(void)
{
	char *buffer = filled(SENT, -1);

	send_blocked(send_buffer, buffer, take_away, buffer);
}

void case_fault_file(void)
{
	int fd = check(memfd_create("payload", 0), "memfd_create");
	char *buffer;

	check(ftruncate(fd, START + SENT), "ftruncate");
	buffer = filled(SENT, fd);
	send_blocked(send_buffer, buffer, take_away, buffer);
}

static ssize_t write_segments(int fd, void *segments)
{
	return writev(fd, segments, 2);
}

static ssize_t send_message(int fd, void *message)
{
	return sendmsg(fd, message, 0);
}

static void unmap_page(char *memory)
{
	check(munmap(memory, PAGE), "munmap");
}

static void fill_segments(struct iovec *segments)
{
	char *buffer = filled(SENT, -1);

	segments[0] = (struct iovec){ .iov_base = buffer, .iov_len = 1000 };
	segments[1] = (struct iovec){ .iov_base = buffer + 1000, .iov_len = SENT - 1000 };
}

/* The array of segments is gone. */
void case_fault_segments(void)
{
	struct iovec *segments = (struct iovec *)map(PAGE, -1);

	fill_segments(segments);
	send_blocked(write_segments, segments, unmap_page, (char *)segments);
}

/* The header that says where the segments are is gone. */
void case_fault_header(void)
{
	struct msghdr *message = (struct msghdr *)map(PAGE, -1);
	struct iovec segments[2];

	fill_segments(segments);
	message->msg_iov = segments;
	message->msg_iovlen = 2;
	send_blocked(send_message, message, unmap_page, (char *)message);
}

struct receiver {
	int fd;
	char *buffer;
};

static void *receive_whole(void *argument)
{
	struct receiver *receiver = argument;

	if (recv(receiver->fd, receiver->buffer, RECEIVED, MSG_WAITALL) != RECEIVED)
		die("the call was to receive everything");
	return NULL;
}

void case_fault_receive(void)
{
	char *bytes = filled(RECEIVED, -1);
	struct receiver receiver = { .buffer = filled(RECEIVED, -1) };
	time_t deadline = time(NULL) + 10;
	pthread_t thread;
	int client;

	connect_both(&client, &receiver.fd);
	if (pthread_create(&thread, NULL, receive_whole, &receiver))
		die("pthread_create");
	if (send(client, bytes, AFFECTED, 0) != AFFECTED)
		die("send");
	while (amount(client, SIOCOUTQ) || amount(receiver.fd, FIONREAD))
		wait_a_moment(deadline);
	take_away(receiver.buffer);
	if (send(client, bytes + AFFECTED, RECEIVED - AFFECTED, 0) != RECEIVED - AFFECTED)
		die("send");
	pthread_join(thread, NULL);
	close(client);
	close(receiver.fd);
	report.count = RECEIVED;
}
