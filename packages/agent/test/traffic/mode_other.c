/* SPDX-License-Identifier: Apache-2.0 */
/* The same calls on what is not TCP: UNIX sockets, UDP, pipes, files. A TCP tap must ignore all of it. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define BYTES 100

static const enum call senders[] = { CALL_WRITE, CALL_WRITEV, CALL_PWRITEV2, CALL_SENDTO, CALL_SENDMSG, CALL_SENDMMSG };
static const enum call receivers[] = { CALL_READ,     CALL_READV,   CALL_PREADV2,
				       CALL_RECVFROM, CALL_RECVMSG, CALL_RECVMMSG };
#define WITHOUT_FLAGS 3 /* the first three of each also work on what is no socket */
#define WITH_FLAGS 6

static uint64_t moved;

static void fill(uint8_t *data)
{
	payload_fill(options.seed, (size_t)(moved % 4096), data, BYTES);
}

static void count(enum call call, long result)
{
	if (result != BYTES)
		die("%s moved %ld bytes: %s", call_names[call], result, strerror(errno));
	moved += BYTES;
	shared->client.calls[call]++;
}

/* Each sending call paired with each receiving call. */
static void move_all(int out, int in, unsigned kinds)
{
	for (unsigned i = 0; i < kinds; i++) {
		for (unsigned j = 0; j < kinds; j++) {
			uint8_t data[BYTES], got[BYTES] = { 0 };
			fill(data);
			count(senders[i], raw_transfer(senders[i], out, data, BYTES, 0));
			count(receivers[j], raw_transfer(receivers[j], in, got, BYTES, 0));
			if (memcmp(data, got, BYTES) != 0)
				die("%s to %s: other bytes came", call_names[senders[i]], call_names[receivers[j]]);
		}
	}
}

static void unix_sockets(void)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		die_errno("socketpair");
	move_all(pair[0], pair[1], WITH_FLAGS);
	if (syscall(SYS_shutdown, pair[0], SHUT_WR))
		die_errno("shutdown");
	close(pair[0]);
	close(pair[1]);

	/* Bound by the kernel to an abstract name: connect and accept without a file. */
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	socklen_t length = sizeof(address.sun_family);
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || client < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1))
		die_errno("UNIX listener");
	length = sizeof(address);
	if (getsockname(listener, (struct sockaddr *)&address, &length))
		die_errno("getsockname");
	if (syscall(SYS_connect, client, &address, length))
		die_errno("connect");
	int server = tcp_accept(listener);
	move_all(server, client, WITH_FLAGS);
	close(server);
	close(client);
	close(listener);
}

static int udp_socket(struct sockaddr_in *address)
{
	socklen_t length = sizeof(*address);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	*address = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	if (fd < 0 || bind(fd, (struct sockaddr *)address, length) ||
	    getsockname(fd, (struct sockaddr *)address, &length))
		die_errno("UDP socket");
	return fd;
}

static void udp(void)
{
	struct sockaddr_in first_address, second_address;
	int first = udp_socket(&first_address), second = udp_socket(&second_address);
	if (syscall(SYS_connect, first, &second_address, sizeof(second_address)) ||
	    syscall(SYS_connect, second, &first_address, sizeof(first_address)))
		die_errno("connect UDP");
	move_all(first, second, WITH_FLAGS);
	move_all(second, first, WITH_FLAGS);
	close(first);
	close(second);
}

static void pipes(void)
{
	int ends[2];
	if (pipe(ends))
		die_errno("pipe");
	move_all(ends[1], ends[0], WITHOUT_FLAGS);
	close(ends[0]);
	close(ends[1]);
}

/* Two descriptors of one file, each with its own position. */
static void files(void)
{
	char path[64];
	int out = temporary_file(NULL, 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", out);
	int in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		die_errno(path);
	move_all(out, in, WITHOUT_FLAGS);
	close(in);
	close(out);
}

/* file -> UNIX socket, and file -> pipe -> UNIX socket -> pipe. */
static void inside_the_kernel(void)
{
	uint8_t data[BYTES], got[BYTES];
	int pair[2], ends[2], back[2];
	fill(data);
	int file = temporary_file(data, BYTES);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) || pipe(ends) || pipe(back))
		die_errno("socketpair and pipes");
	off_t position = 0;
	count(CALL_SENDFILE, syscall(SYS_sendfile, pair[0], file, &position, (size_t)BYTES));
	count(CALL_READ, raw_transfer(CALL_READ, pair[1], got, BYTES, 0));
	loff_t start = 0;
	count(CALL_SPLICE, syscall(SYS_splice, file, &start, ends[1], NULL, (size_t)BYTES, 0));
	count(CALL_SPLICE, syscall(SYS_splice, ends[0], NULL, pair[0], NULL, (size_t)BYTES, 0));
	count(CALL_SPLICE, syscall(SYS_splice, pair[1], NULL, back[1], NULL, (size_t)BYTES, 0));
	count(CALL_READ, raw_transfer(CALL_READ, back[0], got, BYTES, 0));
	if (memcmp(data, got, BYTES) != 0)
		die("splice: other bytes came");
	const int all[] = { file, pair[0], pair[1], ends[0], ends[1], back[0], back[1] };
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		close(all[i]);
}

int run_other(void)
{
	shared->client.pid = getpid();
	shared->client.tid = thread_id();
	sync_point(SYNC_CONNECTED);
	unix_sockets();
	udp();
	pipes();
	files();
	inside_the_kernel();
	report_ignored(moved);
	return 0;
}
