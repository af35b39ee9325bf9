/* SPDX-License-Identifier: Apache-2.0 */
/*
 * send-file PATH HOW: makes the file and sends all of it but the first bytes by sendfile; byte i of it is i * 31 + (i >> 8).
 * HOW: "argument" (the call is told the position), "position" (the file has it), "direct" (O_DIRECT), "sparse" (a hole in
 * the middle), "written" (the file is there already, and is written to after it was opened). O_DIRECT wants whole blocks. `count` is how many bytes were sent.
 *
 * send-from-socket: `count` bytes go from a socket into a pipe by sendfile, between "before" and "after" by other calls.
 */
#define _GNU_SOURCE
#include "cases.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE 1000000u
/* Of bytes that are not sent: more than a page, and no whole pages. */
#define START 5000u
#define DIRECT_START 4096u
#define HOLE_START 100000u
#define HOLE_END 500000u

static void make_file(const char *path, int sparse)
{
	int fd = check(open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600), path);
	char *bytes = malloc(SIZE);

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = i * 31 + (i >> 8);
	if (sparse) {
		check(pwrite(fd, bytes, HOLE_START, 0), "pwrite");
		check(pwrite(fd, bytes + HOLE_END, SIZE - HOLE_END, HOLE_END), "pwrite");
	} else {
		check(pwrite(fd, bytes, SIZE, 0), "pwrite");
	}
	check(fsync(fd), "fsync");
	close(fd);
	free(bytes);
}

static void *receive_all(void *argument)
{
	static char buffer[65536];

	while (check(recv(*(int *)argument, buffer, sizeof(buffer), 0), "recv") > 0)
		;
	return NULL;
}

void case_send_file(void)
{
	const char *path = arguments[0], *how = arguments[1];
	int direct = strcmp(how, "direct") == 0, file, client, server, listener;
	struct sockaddr_in address;
	int written = strcmp(how, "written") == 0;
	unsigned start = direct ? DIRECT_START : START;
	off_t position = start, *told = strcmp(how, "position") == 0 ? NULL : &position;
	pthread_t receiver;

	if (!written)
		make_file(path, strcmp(how, "sparse") == 0);
	file = open(path, O_RDONLY | (direct ? O_DIRECT : 0));
	if (file < 0 && direct && errno == EINVAL) {
		report.unsupported = "this file system has no O_DIRECT";
		return;
	}
	check(file, path);
	if (written)
		make_file(path, 0);
	check(lseek(file, told ? 0 : start, SEEK_SET), "lseek");
	listener = listen_on_loopback(5, &address);
	client = connected_to(&address);
	server = accepted_from(listener);
	add_client(client);
	pthread_create(&receiver, NULL, receive_all, &server);
	for (;;) {
		/* Some of the calls move more than the snap length, some less than a page. */
		size_t size = direct ? 65536 : report.count % 3 == 0 ? 300000 : report.count % 3 == 1 ? 1000 : 70000;
		long sent = check(sendfile(client, file, told, size), "sendfile");

		if (sent == 0)
			break;
		report.count += sent;
	}
	close(client);
	pthread_join(receiver, NULL);
	close(server);
	close(listener);
	close(file);
	unlink(path);
}

void case_send_from_socket(void)
{
	static char sent[4000], piped[sizeof(sent)];
	struct sockaddr_in address;
	int listener = listen_on_loopback(5, &address), client = connected_to(&address), ends[2];
	int server = accepted_from(listener);

	add_client(client);
	memset(sent, 's', sizeof(sent));
	check(pipe(ends), "pipe");
	talk(client, server, "before");
	check(send(client, sent, sizeof(sent), 0), "send");
	while (report.count < sizeof(sent)) {
		long moved = sendfile(ends[1], server, NULL, sizeof(sent) - report.count);

		if (moved < 0 && errno == EINVAL) {
			report.unsupported = "sendfile does not write to pipes here";
			return;
		}
		if (check(moved, "sendfile") == 0)
			die("the end of the stream");
		report.count += moved;
	}
	for (size_t at = 0; at < sizeof(piped);)
		at += check(read(ends[0], piped + at, sizeof(piped) - at), "read");
	if (memcmp(piped, sent, sizeof(sent)))
		die("other bytes came");
	talk(client, server, "after");
	close(client);
	close(server);
	close(listener);
}
