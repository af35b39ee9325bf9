/* SPDX-License-Identifier: Apache-2.0 */
/* Calls that fail, between calls that do not: only the latter move bytes. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static const enum call senders[] = { CALL_WRITE, CALL_WRITEV, CALL_PWRITEV2, CALL_SENDTO, CALL_SENDMSG, CALL_SENDMMSG };
static const enum call receivers[] = { CALL_READ,     CALL_READV,   CALL_PREADV2,
				       CALL_RECVFROM, CALL_RECVMSG, CALL_RECVMMSG };
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void expect(struct end *end, long result, int error, const char *what)
{
	if (result != -1 || errno != error)
		die("%s: expected %s, not %ld (%s)", what, strerrorname_np(error), result, strerror(errno));
	count_error(end);
}

static void expect_transfers(struct end *end, const enum call *calls, int fd, void *data, int error)
{
	for (size_t i = 0; i < COUNT(senders); i++)
		expect(end, raw_transfer(calls[i], fd, data, 8, 0), error, call_names[calls[i]]);
}

static void bad_descriptors(struct end *end)
{
	uint8_t data[8] = { 0 };
	expect_transfers(end, senders, -1, data, EBADF);
	expect_transfers(end, receivers, -1, data, EBADF);
	expect(end, syscall(SYS_connect, -1, NULL, 0), EBADF, "connect");
	expect(end, syscall(SYS_accept, -1, NULL, NULL), EBADF, "accept");
	expect(end, syscall(SYS_accept4, -1, NULL, NULL, 0), EBADF, "accept4");
	expect(end, syscall(SYS_shutdown, -1, SHUT_WR), EBADF, "shutdown");
	expect(end, syscall(SYS_sendfile, -1, -1, NULL, (size_t)8), EBADF, "sendfile");
	expect(end, syscall(SYS_splice, -1, NULL, -1, NULL, (size_t)8, 0), EBADF, "splice");
}

/* An address in user space where nothing is mapped. Data waits in the socket and must still be there afterwards. */
static void bad_memory(struct end *end)
{
	void *hole = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (hole == MAP_FAILED)
		die_errno("mmap");
	wait_ready(end->fd, POLLIN);
	expect_transfers(end, senders, end->fd, hole, EFAULT);
	expect_transfers(end, receivers, end->fd, hole, EFAULT);
	expect(end, syscall(SYS_writev, end->fd, hole, 1UL), EFAULT, "writev with segments out of reach");
	expect(end, syscall(SYS_sendmsg, end->fd, hole, 0), EFAULT, "sendmsg with a header out of reach");
	struct iovec many[MAX_SEGMENTS + 1];
	memset(many, 0, sizeof(many));
	expect(end, syscall(SYS_readv, end->fd, many, (unsigned long)MAX_SEGMENTS + 1), EINVAL, "readv");
	munmap(hole, 4096);
}

static void not_connected(struct end *end)
{
	uint8_t data[8] = { 0 };
	int fd = socket(options.family == FAMILY_4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die_errno("socket");
	expect_transfers(end, receivers, fd, data, ENOTCONN);
	expect_transfers(end, senders, fd, data, EPIPE);
	expect(end, syscall(SYS_shutdown, fd, SHUT_WR), ENOTCONN, "shutdown");
	close(fd);

	struct sockaddr_storage address;
	socklen_t length;
	close(tcp_listen(0, &address, &length)); /* nobody listens there now */
	fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die_errno("socket");
	expect(end, syscall(SYS_connect, fd, &address, length), ECONNREFUSED, "connect");
	close(fd);
}

static void no_sockets(struct end *end)
{
	uint8_t data[8] = { 0 };
	int file = temporary_file(data, sizeof(data));
	expect(end, raw_transfer(CALL_SENDTO, file, data, 8, 0), ENOTSOCK, "sendto");
	expect(end, raw_transfer(CALL_RECVMSG, file, data, 8, 0), ENOTSOCK, "recvmsg");
	close(file);
}

/* A second connection: ten bytes, then the peer resets it. Reported as a scenario of its own. */
static void reset(struct end *end)
{
	struct shared *pair = allocate(sizeof(*pair));
	uint8_t data[10];
	int client, server;
	tcp_pair(&client, &server);
	adopt(&pair->client, client);
	adopt(&pair->server, server);
	pair->client.calls[CALL_CONNECT]++;
	pair->server.calls[options.accept]++;
	pair->client.out = pair->server.expected = end->out;
	pair->server.in = data;
	if (raw_transfer(CALL_SENDTO, client, (void *)end->out, sizeof(data), 0) != sizeof(data))
		die_errno("sendto");
	sent(&pair->client, CALL_SENDTO, 0, sizeof(data));
	if (raw_transfer(CALL_RECVFROM, server, data, sizeof(data), MSG_WAITALL) != sizeof(data))
		die_errno("recvfrom");
	received(&pair->server, CALL_RECVFROM, 0, sizeof(data));
	reset_on_close(server);
	close(server);
	wait_ready(client, POLLIN | POLLHUP);
	expect(&pair->client, raw_transfer(CALL_READ, client, data, sizeof(data), 0), ECONNRESET, "read");
	expect(&pair->client, raw_transfer(CALL_WRITE, client, data, sizeof(data), 0), EPIPE, "write");
	close(client);
	report("errors/reset", &pair->client, &pair->server);
}

void errors_client(struct end *end)
{
	uint8_t data[8] = { 0 };
	bad_descriptors(end);
	send_range(end, 0, options.size / 2);
	bad_memory(end);
	receive_range(end, options.receive, 0, options.size, 0);
	not_connected(end);
	no_sockets(end);
	send_range(end, options.size / 2, options.size - options.size / 2);
	reset(end);
	expect(end, raw_transfer(CALL_RECVFROM, end->fd, data, 8, MSG_DONTWAIT), EAGAIN, "recvfrom");
	shut(end);
	expect_transfers(end, senders, end->fd, data, EPIPE);
	expect_end(end);
}

void errors_server(struct end *end)
{
	send_range(end, 0, options.size);
	receive_range(end, options.receive, 0, options.size, 0);
	expect_end(end);
	shut(end);
}
