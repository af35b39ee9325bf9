/* SPDX-License-Identifier: Apache-2.0 */
/* The table of cases, and what they share. Whoever starts the program bounds its time. */
#define _GNU_SOURCE
#include "cases.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000

struct report report;
char **arguments;

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "raw", case_raw },
	{ "backlog-0", case_backlog_0 },
	{ "listened-before", case_listened_before },
	{ "reset-before-accept", case_reset_before_accept },
	{ "refused-other-port", case_refused_other_port },
	{ "refused-same-port", case_refused_same_port },
	{ "refused-same-ports", case_refused_same_ports },
	{ "refused-later", case_refused_later },
	{ "reconnect", case_reconnect },
	{ "reconnect-same-ports", case_reconnect_same_ports },
	{ "interrupted", case_interrupted },
	{ "fastopen", case_fastopen },
	{ "compat", case_compat },
	{ "messages", case_messages },
	{ "alternating", case_alternating },
	{ "crowd", case_crowd },
	{ "race", case_race },
	{ "fault-send", case_fault_send },
	{ "fault-file", case_fault_file },
	{ "fault-segments", case_fault_segments },
	{ "fault-header", case_fault_header },
	{ "fault-receive", case_fault_receive },
	{ "unseen", case_unseen },
	{ "unseen-answer", case_unseen_answer },
	{ "unseen-reset", case_unseen_reset },
	{ "unseen-much", case_unseen_much },
	{ "unseen-zerocopy", case_unseen_zerocopy },
	{ "unseen-failing", case_unseen_failing },
	{ "disconnect-unread", case_disconnect_unread },
	{ "repair-unread", case_repair_unread },
	{ "linger-fin", case_linger_fin },
	{ "fastopen-connect", case_fastopen_connect },
	{ "fastopen-refused", case_fastopen_refused },
	{ "self", case_self },
	{ "send-file", case_send_file },
	{ "send-from-socket", case_send_from_socket },
	{ "reread", case_reread },
	{ "io-uring", case_io_uring },
	{ "io-uring-others", case_io_uring_others },
	{ "forbid", case_forbid },
};

void die(const char *what)
{
	perror(what);
	exit(1);
}

long check(long result, const char *what)
{
	if (result < 0)
		die(what);
	return result;
}

struct sockaddr_in loopback(unsigned port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons(port),
				     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

unsigned port_of(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	check(getsockname(fd, (struct sockaddr *)&address, &length), "getsockname");
	return ntohs(address.sin_port);
}

static int reusing_socket(unsigned port)
{
	struct sockaddr_in address = loopback(port);
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket"), one = 1;

	check(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)), "SO_REUSEADDR");
	check(bind(fd, (struct sockaddr *)&address, sizeof(address)), "bind");
	return fd;
}

int bound_socket(void)
{
	/* TCP chooses a port that is free, and it stays so until it has been asked for by name. */
	int chosen = reusing_socket(0), fd = reusing_socket(port_of(chosen));

	close(chosen);
	return fd;
}

int listen_on_loopback(int backlog, struct sockaddr_in *address)
{
	int fd = bound_socket();

	check(listen(fd, backlog), "listen");
	*address = loopback(port_of(fd));
	report.listener = port_of(fd);
	return fd;
}

int connected_to(const struct sockaddr_in *address)
{
	int fd = check(socket(AF_INET, SOCK_STREAM, 0), "socket");

	check(connect(fd, (const struct sockaddr *)address, sizeof(*address)), "connect");
	return fd;
}

int accepted_from(int listener)
{
	return check(accept(listener, NULL, NULL), "accept");
}

void add_client(int fd)
{
	report.clients[report.client_count++] = port_of(fd);
}

void talk(int from, int to, const char *text)
{
	char buffer[64];
	size_t length = strlen(text);

	if (send(from, text, length, 0) != (ssize_t)length)
		die("send");
	if (recv(to, buffer, length, MSG_WAITALL) != (ssize_t)length)
		die("recv");
}

void reset_at_close(int fd)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	check(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), "SO_LINGER");
}

void wait_for(int fd, short events)
{
	struct pollfd poll_fd = { .fd = fd, .events = events };

	if (check(poll(&poll_fd, 1, PATIENCE_MS), "poll") == 0) {
		fputs("nothing happened on the socket\n", stderr);
		exit(1);
	}
}

static void print_report(void)
{
	if (report.unsupported) {
		printf("{\"unsupported\":\"%s\"}\n", report.unsupported);
		return;
	}
	printf("{\"listener\":%u,\"other\":%u,\"count\":%lu,\"pid\":%d,\"clients\":[", report.listener,
	       report.other, report.count, getpid());
	for (unsigned i = 0; i < report.client_count; i++)
		printf("%s%u", i ? "," : "", report.clients[i]);
	puts("]}");
}

int main(int count, char **words)
{
	for (size_t i = 0; count >= 2 && i < sizeof(cases) / sizeof(*cases); i++) {
		if (strcmp(words[1], cases[i].name) == 0) {
			arguments = words + 2;
			cases[i].run();
			print_report();
			return 0;
		}
	}
	fputs("usage: cases NAME [ARGUMENT...]\n", stderr);
	return 2;
}
