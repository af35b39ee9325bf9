/* SPDX-License-Identifier: Apache-2.0 */
/* Messages, waiting, time limits. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

const char *const call_names[CALL_MAX] = {
#define X(upper, lower) [CALL_##upper] = #lower,
	CALLS(X)
#undef X
};

static void complain(const char *format, va_list arguments)
{
	char text[512];
	vsnprintf(text, sizeof(text), format, arguments);
	fprintf(stderr, "traffic: %s\n", text);
}

/* _exit, not exit: any thread or a forked child may come here, and none may wait for the others. */
void die(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
	_exit(1);
}

void die_errno(const char *what)
{
	die("%s: %s", what, strerror(errno));
}

void usage(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	complain(format, arguments);
	va_end(arguments);
	_exit(2);
}

void *allocate(size_t size)
{
	void *memory = calloc(1, size ? size : 1);
	if (!memory)
		die("no memory for %zu bytes", size);
	return memory;
}

int32_t thread_id(void)
{
	return (int32_t)syscall(SYS_gettid);
}

static void out_of_time(int signal_number)
{
	static const char text[] = "traffic: out of time\n";
	(void)signal_number;
	ssize_t written = write(STDERR_FILENO, text, sizeof(text) - 1);
	(void)written;
	_exit(1);
}

/* A fork does not inherit the alarm: each process calls this for itself. */
void limit_time(void)
{
	signal(SIGALRM, out_of_time);
	alarm(options.timeout);
}

void pause_ms(unsigned ms)
{
	struct timespec delay = { .tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000 };
	nanosleep(&delay, NULL);
}

void raise_flag(int *flag, int value)
{
	__atomic_store_n(flag, value, __ATOMIC_SEQ_CST);
}

/* Polling, not a futex: works the same between threads and processes, and the alarm bounds it. */
void wait_flag(const int *flag, int value)
{
	while (__atomic_load_n(flag, __ATOMIC_SEQ_CST) < value) {
		struct timespec delay = { .tv_nsec = 100000 };
		nanosleep(&delay, NULL);
	}
}

void wait_for_line(void)
{
	static const char ready[] = "ready\n";
	if (write(STDOUT_FILENO, ready, sizeof(ready) - 1) != (ssize_t)sizeof(ready) - 1)
		die_errno("write ready");
	for (;;) {
		char byte;
		ssize_t count = read(STDIN_FILENO, &byte, 1);
		if (count < 0)
			die_errno("read standard input");
		if (count == 0)
			die("standard input ended before the line that says go on");
		if (byte == '\n')
			return;
	}
}

void sync_point(enum sync_point point)
{
	if (options.sync & point)
		wait_for_line();
}

void wait_ready(int fd, short events)
{
	struct pollfd entry = { .fd = fd, .events = events };
	int count = poll(&entry, 1, (int)options.timeout * 1000);
	if (count < 0)
		die_errno("poll");
	if (count == 0)
		die("poll: nothing happened in time");
}
