/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many short connections. Each moves `size` bytes both ways. Ports do not run out: the connections go to sixteen
 * listeners for each worker (sixteen addresses where the family has them), and every second one ends with a reset,
 * which leaves no TIME_WAIT.
 */
#define _GNU_SOURCE
#include "traffic.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENERS 16
#define MAX_BYTES 4096

struct worker {
	pthread_t thread;
	unsigned first, step;
	struct end client, server; /* sums of this worker */
};

static void move(int out, int in, struct end *from, struct end *to, uint32_t seed)
{
	uint8_t data[MAX_BYTES], got[MAX_BYTES];
	size_t size = options.size;
	payload_fill(seed, 0, data, size);
	if (raw_transfer(options.send, out, data, size, 0) != (long)size)
		die_errno(call_names[options.send]);
	for (size_t done = 0; done < size;) {
		long count = raw_transfer(options.receive, in, got + done, size - done, 0);
		if (count <= 0)
			die_errno(call_names[options.receive]);
		done += (size_t)count;
		to->calls[options.receive]++;
	}
	if (memcmp(data, got, size) != 0)
		die("other bytes came");
	from->calls[options.send]++;
	from->egress += size;
	to->ingress += size;
}

/* One connection; `number` decides its payload and how it ends. */
static void connect_once(struct worker *worker, unsigned number, int listener, const struct sockaddr_storage *address,
			 socklen_t length)
{
	int client = tcp_connect(address, length);
	int server = tcp_accept(listener);
	worker->client.calls[CALL_CONNECT]++;
	worker->server.calls[options.accept]++;
	move(client, server, &worker->client, &worker->server, options.seed + 2 * number);
	move(server, client, &worker->server, &worker->client, options.seed + 2 * number + 1);
	int first = number % 4 < 2 ? client : server;
	if (number % 2)
		reset_on_close(first);
	close(first);
	close(first == client ? server : client);
}

static void *work(void *argument)
{
	struct worker *worker = argument;
	int listeners[LISTENERS];
	struct sockaddr_storage addresses[LISTENERS];
	socklen_t lengths[LISTENERS];
	for (unsigned i = 0; i < LISTENERS; i++)
		listeners[i] = tcp_listen(i, &addresses[i], &lengths[i]);
	for (unsigned number = worker->first; number < options.connections; number += worker->step) {
		unsigned i = number / worker->step % LISTENERS;
		connect_once(worker, number, listeners[i], &addresses[i], lengths[i]);
	}
	for (unsigned i = 0; i < LISTENERS; i++)
		close(listeners[i]);
	return NULL;
}

static void add(struct end *sum, const struct end *part)
{
	sum->egress += part->egress;
	sum->ingress += part->ingress;
	for (int i = 0; i < CALL_MAX; i++)
		sum->calls[i] += part->calls[i];
}

int run_churn(void)
{
	if (options.size > MAX_BYTES || options.size == 0)
		usage("churn moves 1 to %d bytes on each connection", MAX_BYTES);
	if (options.send == CALL_SENDFILE || options.send == CALL_SPLICE || options.receive == CALL_SPLICE)
		usage("churn moves bytes of memory only");
	struct worker *workers = allocate(options.parallel * sizeof(*workers));
	shared->client.pid = shared->server.pid = getpid();
	shared->client.tid = shared->server.tid = thread_id();
	shared->client.egress_unordered = shared->server.egress_unordered = true;
	sync_point(SYNC_CONNECTED);
	for (unsigned i = 0; i < options.parallel; i++) {
		workers[i].first = i;
		workers[i].step = options.parallel;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]))
			die("pthread_create failed");
	}
	for (unsigned i = 0; i < options.parallel; i++) {
		if (pthread_join(workers[i].thread, NULL))
			die("pthread_join failed");
		add(&shared->client, &workers[i].client);
		add(&shared->server, &workers[i].server);
	}
	free(workers);
	report_churn(options.connections, &shared->client, &shared->server);
	return 0;
}
