/* SPDX-License-Identifier: Apache-2.0 */
/* Programs that do with sockets what the traffic generator does not: each case is one run, one JSON line. */
#ifndef CASES_H
#define CASES_H

#include <netinet/in.h>
#include <stddef.h>

#define MAX_CLIENTS 8

/* What a case tells of itself; 0 where it does not apply. */
struct report {
	unsigned listener;		/* port */
	unsigned other;			/* another port of the case, see there */
	unsigned clients[MAX_CLIENTS];	/* local ports of the connections, in order */
	unsigned client_count;
	unsigned long count;		/* of whatever the case counts */
	const char *unsupported;	/* why this machine cannot run the case */
};

extern struct report report;

/* What follows the name of the case, up to NULL. */
extern char **arguments;

void die(const char *what);
/* Dies unless the call succeeded, and gives its result. */
long check(long result, const char *what);

struct sockaddr_in loopback(unsigned port);
unsigned port_of(int fd);
/* A socket bound to a port that stays its own: TCP gives back a port that it chose itself. */
int bound_socket(void);
int listen_on_loopback(int backlog, struct sockaddr_in *address);
int connected_to(const struct sockaddr_in *address);
int accepted_from(int listener);
void add_client(int fd);
/* Sends the text, and receives it at the other end. */
void talk(int from, int to, const char *text);
/* close() will reset the connection. */
void reset_at_close(int fd);
/* Waits for any of the events (or an error) on the socket; dies when there is none in time. */
void wait_for(int fd, short events);

void case_raw(void);
void case_backlog_0(void);
void case_listened_before(void);
void case_reset_before_accept(void);
void case_refused_other_port(void);
void case_refused_same_port(void);
void case_refused_same_ports(void);
void case_refused_later(void);
void case_reconnect(void);
void case_reconnect_same_ports(void);
void case_interrupted(void);
void case_fastopen(void);
void case_compat(void);
void case_messages(void);
void case_alternating(void);
void case_crowd(void);
void case_race(void);
void case_fault_send(void);
void case_fault_file(void);
void case_fault_segments(void);
void case_fault_header(void);
void case_fault_receive(void);
void case_unseen(void);
void case_unseen_answer(void);
void case_unseen_reset(void);
void case_unseen_much(void);
void case_unseen_zerocopy(void);
void case_unseen_failing(void);
void case_disconnect_unread(void);
void case_repair_unread(void);
void case_linger_fin(void);
void case_fastopen_connect(void);
void case_fastopen_refused(void);
void case_self(void);
void case_send_file(void);
void case_send_from_socket(void);
void case_reread(void);
void case_io_uring(void);
void case_io_uring_others(void);
void case_forbid(void);

#endif
