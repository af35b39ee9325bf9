/* SPDX-License-Identifier: Apache-2.0 */
/* One JSON line per finished scenario. */
#define _GNU_SOURCE
#include "traffic.h"

#include <stdio.h>
#include <string.h>

static void print_end(const char *name, const struct end *end)
{
	const char *separator = "";
	printf("\"%s\":{\"address\":\"%s\",\"port\":%u,\"pid\":%d,\"tid\":%d,", name, end->address, end->port,
	       end->pid, end->tid);
	if (end->second_tid)
		printf("\"secondTid\":%d,", end->second_tid);
	printf("\"tcpSent\":%lu,\"tcpReceived\":%lu,", (unsigned long)end->tcp_sent,
	       (unsigned long)end->tcp_received);
	printf("\"egress\":%lu,\"ingress\":%lu,\"peeked\":%lu,\"discarded\":%lu,\"urgent\":%lu,\"partial\":%lu,",
	       (unsigned long)end->egress, (unsigned long)end->ingress, (unsigned long)end->peeked,
	       (unsigned long)end->discarded, (unsigned long)end->urgent, (unsigned long)end->partial);
	if (!end->egress_unordered)
		printf("\"egressCrc32\":%u,", end->egress_crc);
	printf("\"ingressCrc32\":%u,\"calls\":{", end->ingress_crc);
	for (int i = 0; i < CALL_MAX; i++) {
		if (end->calls[i]) {
			printf("%s\"%s\":%lu", separator, call_names[i], (unsigned long)end->calls[i]);
			separator = ",";
		}
	}
	printf("},\"failed\":{");
	separator = "";
	for (int i = 0; i < MAX_ERRNO; i++) {
		if (end->failed[i]) {
			printf("%s\"%s\":%lu", separator, strerrorname_np(i), (unsigned long)end->failed[i]);
			separator = ",";
		}
	}
	printf("}}");
}

void report(const char *scenario, const struct end *client, const struct end *server)
{
	printf("{\"scenario\":\"%s\",\"seed\":%u,", scenario, options.seed);
	print_end("client", client);
	printf(",");
	print_end("server", server);
	printf("}\n");
	fflush(stdout);
}

void report_churn(unsigned connections, const struct end *client, const struct end *server)
{
	printf("{\"scenario\":\"churn\",\"seed\":%u,\"connections\":%u,", options.seed, connections);
	print_end("client", client);
	printf(",");
	print_end("server", server);
	printf("}\n");
	fflush(stdout);
}

/* Bytes moved by calls of the table, none of them over TCP. */
void report_ignored(uint64_t bytes)
{
	printf("{\"scenario\":\"other\",\"seed\":%u,\"ignored\":%lu,", options.seed, (unsigned long)bytes);
	print_end("client", &shared->client);
	printf(",");
	print_end("server", &shared->server);
	printf("}\n");
	fflush(stdout);
}
