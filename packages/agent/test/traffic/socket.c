/* SPDX-License-Identifier: Apache-2.0 */
/* Loopback TCP sockets in the three families. */
#define _GNU_SOURCE
#include "traffic.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Small enough for partial writes, large enough that loopback's segments still flow. */
#define SMALL_SEND 4608
#define SMALL_RECEIVE 16384

static socklen_t loopback(unsigned host, struct sockaddr_storage *address)
{
	memset(address, 0, sizeof(*address));
	if (options.family == FAMILY_4) {
		struct sockaddr_in *in = (struct sockaddr_in *)address;
		in->sin_family = AF_INET;
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK + host);
		return sizeof(*in);
	}
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;
	in6->sin6_family = AF_INET6;
	in6->sin6_addr = in6addr_loopback; /* the only one: hosts differ by port there */
	if (options.family == FAMILY_MAPPED) {
		char text[INET6_ADDRSTRLEN];
		snprintf(text, sizeof(text), "::ffff:127.0.0.%u", 1 + host);
		if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
			die("%s is no address", text);
	}
	return sizeof(*in6);
}

static int tcp_socket(void)
{
	int fd = socket(options.family == FAMILY_4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		die_errno("socket");
	return fd;
}

static void set_option(int fd, int level, int name, int value, const char *what)
{
	if (setsockopt(fd, level, name, &value, sizeof(value)))
		die_errno(what);
}

/* Listens on 127.0.0.(1 + host), or its likes; the address comes back with the port. */
int tcp_listen(unsigned host, struct sockaddr_storage *address, socklen_t *length)
{
	int fd = tcp_socket();
	*length = loopback(host, address);
	/* Accepted sockets inherit it, and the window is agreed on before accept returns. */
	if (options.small_buffers)
		set_option(fd, SOL_SOCKET, SO_RCVBUF, SMALL_RECEIVE, "SO_RCVBUF");
	if (bind(fd, (struct sockaddr *)address, *length))
		die_errno("bind");
	if (listen(fd, 64))
		die_errno("listen");
	if (getsockname(fd, (struct sockaddr *)address, length))
		die_errno("getsockname");
	return fd;
}

int tcp_connect(const struct sockaddr_storage *address, socklen_t length)
{
	int fd = tcp_socket();
	if (options.small_buffers)
		set_option(fd, SOL_SOCKET, SO_RCVBUF, SMALL_RECEIVE, "SO_RCVBUF");
	if (make_call(CALL_CONNECT, fd, (long)address, length, 0, 0, 0))
		die_errno("connect");
	return fd;
}

int tcp_accept(int listener)
{
	long fd = make_call(options.accept, listener, 0, 0, options.accept == CALL_ACCEPT4 ? SOCK_CLOEXEC : 0, 0, 0);
	if (fd < 0)
		die_errno(call_names[options.accept]);
	return (int)fd;
}

void tcp_pair(int *client, int *server)
{
	struct sockaddr_storage address;
	socklen_t length;
	int listener = tcp_listen(0, &address, &length);
	*client = tcp_connect(&address, length);
	*server = tcp_accept(listener);
	close(listener);
}

/* The options that the scenario asks for, on a connected socket. */
void tune(int fd)
{
	set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
	if (options.small_buffers)
		set_option(fd, SOL_SOCKET, SO_SNDBUF, SMALL_SEND, "SO_SNDBUF");
	if (options.nonblocking && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK))
		die_errno("O_NONBLOCK");
}

/* Makes the connected socket this end's own, in the thread that will move its bytes. */
void adopt(struct end *end, int fd)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &length))
		die_errno("getsockname");
	const void *bytes = &((struct sockaddr_in6 *)&address)->sin6_addr;
	if (address.ss_family == AF_INET)
		bytes = &((struct sockaddr_in *)&address)->sin_addr;
	if (!inet_ntop(address.ss_family, bytes, end->address, sizeof(end->address)))
		die_errno("inet_ntop");
	end->port = ntohs(((struct sockaddr_in *)&address)->sin_port); /* in the same place in both families */
	end->fd = fd;
	end->pid = getpid();
	end->tid = thread_id();
}

/* Closing sends a reset at once and leaves no TIME_WAIT. */
void reset_on_close(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)))
		die_errno("SO_LINGER");
}

int tcp_state(int fd)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length))
		die_errno("TCP_INFO");
	return info.tcpi_state;
}
