/* SPDX-License-Identifier: Apache-2.0 */
/* Connections that begin in an unusual way. */
#define _GNU_SOURCE
#include "cases.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define RAW_SOCKETS 512

/* `count` raw sockets that carry TCP's protocol number, connected to a port that is listened on. */
void case_raw(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(5, &address);
	/* A TCP header that nobody answers: a reset of a connection that is not there. */
	struct {
		uint16_t source, destination;
		uint32_t sequence, acknowledged;
		uint8_t offset, flags;
		uint16_t window, checksum, urgent;
	} header = { .destination = address.sin_port, .offset = 0x50, .flags = 4 };

	for (int i = 0; i < RAW_SOCKETS; i++) {
		int fd = check(socket(AF_INET, SOCK_RAW, IPPROTO_TCP), "raw socket");

		check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
		check(send(fd, &header, sizeof(header), 0), "send");
		check(write(fd, &header, sizeof(header)), "write");
		close(fd);
		report.count++;
	}
	close(listener);
}

void case_backlog_0(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(0, &address);
	int client = connected_to(&address), server = accepted_from(listener);

	add_client(client);
	talk(server, client, "served");
	close(client);
	close(server);
	close(listener);
}

/* The client's socket was a listener before. */
void case_listened_before(void)
{
	struct sockaddr_in address, unused;
	int client = listen_on_loopback(5, &unused), listener = listen_on_loopback(5, &address), server;

	check(shutdown(client, SHUT_RDWR), "shutdown");
	check(connect(client, (struct sockaddr *)&address, sizeof(address)), "connect");
	server = accepted_from(listener);
	add_client(client);
	talk(client, server, "asked");
	close(client);
	close(server);
	close(listener);
}

/* Whether the listener's side of a connection is still established. */
static int is_established(unsigned listener, unsigned client)
{
	char line[256];
	unsigned local, remote, state;
	int found = 0;
	FILE *table = fopen("/proc/net/tcp", "re");

	if (!table)
		die("/proc/net/tcp");
	while (fgets(line, sizeof(line), table))
		if (sscanf(line, "%*d: %*x:%x %*x:%x %x", &local, &remote, &state) == 3)
			found |= local == listener && remote == client && state == 1;
	fclose(table);
	return found;
}

/* `count` bytes could be read by a server that accepted a connection after its reset. */
void case_reset_before_accept(void)
{
	struct sockaddr_in address;
	char buffer[64];
	ssize_t received;
	int listener = listen_on_loopback(5, &address);
	int client = connected_to(&address), server;
	time_t deadline = time(NULL) + 10;

	add_client(client);
	check(send(client, "hello", 5, 0), "send");
	reset_at_close(client);
	close(client);
	while (is_established(report.listener, report.clients[0])) {
		if (time(NULL) > deadline)
			die("the reset does not come");
		sched_yield();
	}
	server = accepted_from(listener);
	while ((received = recv(server, buffer, sizeof(buffer), 0)) > 0)
		report.count += received;
	close(server);
	close(listener);
}

static void set_nonblocking(int fd, int on)
{
	check(fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0), "O_NONBLOCK");
}

static void start_connecting(int fd, const struct sockaddr_in *address)
{
	set_nonblocking(fd, 1);
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != EINPROGRESS)
		die("connect was to be in progress");
}

/* The second attempt of a socket that has been refused, which listener `address` takes. */
static void connect_again(int client, int listener, const struct sockaddr_in *address)
{
	int server;

	wait_for(client, POLLOUT);
	/* The socket reports the failure once before it may be used again. */
	if (connect(client, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED)
		die("connect was to be refused");
	if (connect(client, (const struct sockaddr *)address, sizeof(*address)) && errno != EINPROGRESS)
		die("connect again");
	wait_for(client, POLLOUT);
	set_nonblocking(client, 0);
	add_client(client);
	server = accepted_from(listener);
	talk(client, server, "again");
	close(client);
	close(server);
	close(listener);
}

/* `other` is the port that refuses. */
void case_refused_other_port(void)
{
	struct sockaddr_in address, refusing;
	int listener = listen_on_loopback(5, &address), reserved = bound_socket();
	int client = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	report.other = port_of(reserved);
	refusing = loopback(report.other);
	start_connecting(client, &refusing);
	connect_again(client, listener, &address);
}

static void refused_same_port(int client)
{
	int listener = bound_socket();
	struct sockaddr_in address = loopback(port_of(listener));

	report.listener = port_of(listener);
	start_connecting(client, &address);
	wait_for(client, POLLOUT);
	check(listen(listener, 5), "listen");
	connect_again(client, listener, &address);
}

void case_refused_same_port(void)
{
	refused_same_port(check(socket(AF_INET, SOCK_STREAM, 0), "socket"));
}

/* The client's port does not change either. */
void case_refused_same_ports(void)
{
	refused_same_port(bound_socket());
}

/* A listener whose queue is full, so that the next connection has to wait; gives the one that waits in it. */
static int fill_queue(const struct sockaddr_in *address)
{
	int filler = connected_to(address);

	report.other = port_of(filler);
	return filler;
}

/* The refusal comes long after connect has returned; `other` is the local port of a connection besides. */
void case_refused_later(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(0, &address), filler = fill_queue(&address);
	int client = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	start_connecting(client, &address);
	check(shutdown(listener, SHUT_RDWR), "shutdown");
	close(filler);
	/* TCP tries again after a second, and is refused. */
	wait_for(client, POLLOUT);
	check(listen(listener, 5), "listen");
	connect_again(client, listener, &address);
}

static void reconnect(int client)
{
	struct sockaddr unspecified = { .sa_family = AF_UNSPEC };
	struct sockaddr_in address;
	int listener = listen_on_loopback(5, &address), first, second;

	check(connect(client, (struct sockaddr *)&address, sizeof(address)), "connect");
	add_client(client);
	first = accepted_from(listener);
	talk(client, first, "first");
	check(connect(client, &unspecified, sizeof(unspecified)), "disconnect");
	check(connect(client, (struct sockaddr *)&address, sizeof(address)), "connect again");
	add_client(client);
	second = accepted_from(listener);
	talk(client, second, "and second");
	close(client);
	close(first);
	close(second);
	close(listener);
}

void case_reconnect(void)
{
	reconnect(check(socket(AF_INET, SOCK_STREAM, 0), "socket"));
}

/* Both connections have the same addresses and ports. */
void case_reconnect_same_ports(void)
{
	reconnect(bound_socket());
}

static void on_alarm(int signal)
{
	(void)signal;
}

/* A signal ends the call, not the attempt to connect; `other` is the local port of a connection besides. */
void case_interrupted(void)
{
	struct sockaddr_in address;
	struct sigaction action = { .sa_handler = on_alarm };
	/* Again and again: the first may come before the call does. */
	struct itimerval often = { .it_interval.tv_usec = 20000, .it_value.tv_usec = 20000 }, never = { 0 };
	int listener = listen_on_loopback(0, &address), filler = fill_queue(&address), server;
	int client = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	check(sigaction(SIGALRM, &action, NULL), "sigaction");
	check(setitimer(ITIMER_REAL, &often, NULL), "setitimer");
	if (connect(client, (struct sockaddr *)&address, sizeof(address)) == 0 || errno != EINTR)
		die("connect was to be interrupted");
	check(setitimer(ITIMER_REAL, &never, NULL), "setitimer");
	close(accepted_from(listener));
	close(filler);
	/* There is room in the queue when TCP tries again, after a second. */
	wait_for(client, POLLOUT);
	add_client(client);
	server = accepted_from(listener);
	talk(client, server, "at last");
	close(client);
	close(server);
	close(listener);
}

void case_fastopen(void)
{
	struct sockaddr_in address;
	char buffer[4];
	int listener = listen_on_loopback(5, &address), server;
	int client = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	if (sendto(client, "fast", 4, MSG_FASTOPEN, (struct sockaddr *)&address, sizeof(address)) != 4)
		die("sendto");
	add_client(client);
	server = accepted_from(listener);
	if (recv(server, buffer, 4, MSG_WAITALL) != 4)
		die("recv");
	close(client);
	close(server);
	close(listener);
}
