/* SPDX-License-Identifier: Apache-2.0 */
/* What TCP itself counted. Here and not in socket.c, because <linux/tcp.h> and <netinet/tcp.h> cannot be had together. */
#define _GNU_SOURCE
#include "traffic.h"

#include <linux/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

enum { ESTABLISHED = 1, FIN_WAIT1 = 4, FIN_WAIT2 = 5 };

/* Right before the end closes its socket. What is sent for the first time and what arrives in order, each once. */
void ask_tcp(struct end *end)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);
	if (getsockopt(end->fd, IPPROTO_TCP, TCP_INFO, &info, &length))
		die_errno("TCP_INFO");
	if (length < offsetof(struct tcp_info, tcpi_bytes_retrans) + sizeof(info.tcpi_bytes_retrans))
		return; /* before Linux 4.19 */
	/* TCP counts the peer's FIN as a byte received. */
	bool has_fin = info.tcpi_state != ESTABLISHED && info.tcpi_state != FIN_WAIT1 && info.tcpi_state != FIN_WAIT2;
	end->tcp_sent = info.tcpi_bytes_sent - info.tcpi_bytes_retrans;
	end->tcp_received = info.tcpi_bytes_received - has_fin;
}
