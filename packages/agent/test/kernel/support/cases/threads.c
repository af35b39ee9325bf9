/* SPDX-License-Identifier: Apache-2.0 */
/* Several threads on one socket. */
#define _GNU_SOURCE
#include "cases.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static pthread_t start(void *(*run)(void *), void *argument)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, run, argument))
		die("pthread_create");
	return thread;
}

#define CONNECTIONS 3
#define ENDS (2 * CONNECTIONS)
#define WRITERS 3
#define WRITES 2000
#define LARGEST 3000

struct writer {
	int fd;
	unsigned seed;
	unsigned long sent;
};

static void *write_many(void *argument)
{
	static const char bytes[LARGEST];
	struct writer *writer = argument;

	for (int i = 0; i < WRITES; i++) {
		/* Now and then one that does not fit where a smaller one still does. */
		size_t size = 1 + rand_r(&writer->seed) % (i % 4 ? 200 : LARGEST);

		if (write(writer->fd, bytes, size) != (ssize_t)size)
			die("write");
		writer->sent += size;
	}
	return NULL;
}

static void *read_all(void *argument)
{
	char buffer[16384];
	int fd = *(int *)argument;
	ssize_t received;

	while ((received = read(fd, buffer, sizeof(buffer))) > 0)
		;
	check(received, "read");
	return NULL;
}

/* Both ends of a few connections have several writing threads; `count` bytes were sent. */
void case_crowd(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(CONNECTIONS, &address), fds[ENDS];
	static struct writer writers[ENDS][WRITERS];
	pthread_t writing[ENDS][WRITERS], reading[ENDS];

	for (int i = 0; i < ENDS; i += 2) {
		fds[i] = connected_to(&address);
		fds[i + 1] = accepted_from(listener);
		add_client(fds[i]);
	}
	for (int i = 0; i < ENDS; i++) {
		reading[i] = start(read_all, &fds[i]);
		for (int j = 0; j < WRITERS; j++) {
			writers[i][j] = (struct writer){ .fd = fds[i], .seed = i * WRITERS + j };
			writing[i][j] = start(write_many, &writers[i][j]);
		}
	}
	for (int i = 0; i < ENDS; i++) {
		for (int j = 0; j < WRITERS; j++) {
			pthread_join(writing[i][j], NULL);
			report.count += writers[i][j].sent;
		}
		shutdown(fds[i], SHUT_WR);
	}
	for (int i = 0; i < ENDS; i++)
		pthread_join(reading[i], NULL);
	for (int i = 0; i < ENDS; i++)
		close(fds[i]);
	close(listener);
}

#define ROUNDS 3000

/* The descriptors of this round, for a thread that waits for the round to begin. */
static atomic_int round_number, client_fd, server_fd, finished;

static void wait_for_round(int n)
{
	while (atomic_load(&round_number) < n)
		sched_yield();
}

static void *write_in_each_round(void *argument)
{
	static const char bytes[64];
	unsigned seed = 1;

	(void)argument;
	for (int i = 1; i <= ROUNDS; i++) {
		wait_for_round(i);
		(void)!write(atomic_load(&client_fd), bytes, 1 + rand_r(&seed) % sizeof(bytes));
		atomic_fetch_add(&finished, 1);
	}
	return NULL;
}

static void *read_in_each_round(void *argument)
{
	char buffer[64];

	(void)argument;
	for (int i = 1; i <= ROUNDS; i++) {
		wait_for_round(i);
		while (read(atomic_load(&server_fd), buffer, sizeof(buffer)) > 0)
			;
		atomic_fetch_add(&finished, 1);
	}
	return NULL;
}

/* Closes both ends at about the time when other threads write and read; `count` connections. */
void case_race(void)
{
	struct sockaddr_in address;
	int listener = listen_on_loopback(5, &address);
	pthread_t writer, reader;
	unsigned seed = 2;

	signal(SIGPIPE, SIG_IGN);
	writer = start(write_in_each_round, NULL);
	reader = start(read_in_each_round, NULL);
	for (int i = 1; i <= ROUNDS; i++) {
		int client = connected_to(&address), server = accepted_from(listener);

		/* Neither waits for the other, and no port is kept. */
		reset_at_close(client);
		atomic_store(&client_fd, client);
		atomic_store(&server_fd, server);
		atomic_store(&finished, 0);
		atomic_store(&round_number, i);
		for (volatile int spin = rand_r(&seed) % 20000; spin > 0; spin--)
			;
		/* A thread that sits in a call keeps the socket: the client's reset lets the reader go. */
		if (i % 2)
			close(server);
		close(client);
		while (atomic_load(&finished) < 2)
			sched_yield();
		if (i % 2 == 0)
			close(server);
		report.count++;
	}
	pthread_join(writer, NULL);
	pthread_join(reader, NULL);
	close(listener);
}
