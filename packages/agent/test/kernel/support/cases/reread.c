/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reread PATH: sends a file by one sendfile, and while that waits for the receiver, the file's first pages are dropped and
 * are being read in again when it returns. The file is that of a FUSE server in this process, mounted on PATH; byte i
 * of it is i * 31 + (i >> 8). `count` is how many bytes were sent, `other` how many of the first were being read.
 */
#define _GNU_SOURCE
#include "cases.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* More than TCP's buffers take without a receiver. */
#define SIZE (16u << 20)
#define HELD 65536u
#define LARGEST_READ 131072u

static int device;
/* Whether reads of the first bytes are left unanswered. */
static atomic_int holding;
/* The request that is left unanswered, and how much it wants; 0: none yet. */
static atomic_ullong held_request;
static atomic_uint held_size;

static void write_to_device(const struct iovec *parts, int count)
{
	/* ENOENT: who asked has gone. */
	if (writev(device, parts, count) < 0 && errno != ENOENT)
		die("answer to FUSE");
}

static void answer(unsigned long long request, int error, const void *body, size_t size)
{
	struct fuse_out_header header = { .len = sizeof(header) + size, .error = error, .unique = request };
	struct iovec parts[] = { { &header, sizeof(header) }, { (void *)body, size } };

	write_to_device(parts, size > 0 ? 2 : 1);
}

static void answer_read(unsigned long long request, unsigned long long offset, size_t size)
{
	static char bytes[LARGEST_READ];

	if (offset >= SIZE)
		size = 0;
	else if (size > SIZE - offset)
		size = SIZE - offset;
	for (size_t i = 0; i < size; i++)
		bytes[i] = (offset + i) * 31 + ((offset + i) >> 8);
	answer(request, 0, bytes, size);
}

static void serve_read(const struct fuse_in_header *header, const struct fuse_read_in *in)
{
	if (holding && in->offset < HELD && held_request == 0) {
		held_size = in->size;
		held_request = header->unique;
		return;
	}
	answer_read(header->unique, in->offset, in->size);
}

static void serve_request(const struct fuse_in_header *header, const void *body)
{
	static const struct fuse_attr attributes = {
		.ino = FUSE_ROOT_ID, .size = SIZE, .mode = S_IFREG | 0444, .nlink = 1, .blksize = 4096,
	};
	const struct fuse_init_in *init = body;
	struct fuse_init_out initialised = {
		.major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
		.max_readahead = LARGEST_READ, .max_write = LARGEST_READ,
	};
	struct fuse_attr_out told = { .attr_valid = 3600, .attr = attributes };
	struct fuse_open_out opened = { .open_flags = FOPEN_KEEP_CACHE };

	switch (header->opcode) {
	case FUSE_INIT:
		if (init->minor < initialised.minor)
			initialised.minor = init->minor;
		answer(header->unique, 0, &initialised, sizeof(initialised));
		return;
	case FUSE_GETATTR:
		answer(header->unique, 0, &told, sizeof(told));
		return;
	case FUSE_OPEN:
		answer(header->unique, 0, &opened, sizeof(opened));
		return;
	case FUSE_READ:
		serve_read(header, body);
		return;
	case FUSE_FORGET:
	case FUSE_BATCH_FORGET:
	case FUSE_INTERRUPT:
		return;
	case FUSE_RELEASE:
	case FUSE_FLUSH:
	case FUSE_DESTROY:
		answer(header->unique, 0, NULL, 0);
		return;
	default:
		answer(header->unique, -ENOSYS, NULL, 0);
	}
}

/* Until the file system is gone. */
static void *serve(void *unused)
{
	static char request[LARGEST_READ + 8192];

	(void)unused;
	for (;;) {
		ssize_t size = read(device, request, sizeof(request));

		if (size < 0 && errno == ENODEV)
			return NULL;
		if (size < 0 && (errno == EINTR || errno == ENOENT))
			continue;
		check(size, "read from FUSE");
		serve_request((struct fuse_in_header *)request, request + sizeof(struct fuse_in_header));
	}
}

/* Makes the kernel forget the file's pages. */
static void drop_pages(void)
{
	struct fuse_notify_inval_inode_out what = { .ino = FUSE_ROOT_ID, .off = 0, .len = 0 };
	struct fuse_out_header header = { .len = sizeof(header) + sizeof(what), .error = FUSE_NOTIFY_INVAL_INODE };
	struct iovec parts[] = { { &header, sizeof(header) }, { &what, sizeof(what) } };

	write_to_device(parts, 2);
}

static void *read_first_page(void *path)
{
	char byte;
	int file = check(open(path, O_RDONLY), path);

	check(posix_fadvise(file, 0, 0, POSIX_FADV_RANDOM), "posix_fadvise");
	check(pread(file, &byte, 1, 0), "pread");
	close(file);
	return NULL;
}

/* Until nothing more has been put into the socket for a while: who sends on it waits. */
static void wait_until_full(int client)
{
	int last = -1, now = 0;

	while (last != now || now == 0) {
		last = now;
		usleep(300000);
		check(ioctl(client, SIOCOUTQ, &now), "SIOCOUTQ");
	}
}

struct ends {
	char *path;
	int client, server;
};

static void *reread_and_receive(void *argument)
{
	static char buffer[65536];
	const struct ends *ends = argument;
	pthread_t reader;

	wait_until_full(ends->client);
	holding = 1;
	drop_pages();
	pthread_create(&reader, NULL, read_first_page, ends->path);
	while (held_request == 0)
		usleep(1000);
	while (check(recv(ends->server, buffer, sizeof(buffer), 0), "recv") > 0)
		;
	answer_read(held_request, 0, held_size);
	pthread_join(reader, NULL);
	return NULL;
}

void case_reread(void)
{
	struct ends ends = { .path = arguments[0] };
	struct sockaddr_in address;
	struct stat status;
	char options[128];
	pthread_t server, receiver;
	int file, listener;
	off_t position = 0;

	device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (device < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO)) {
		report.unsupported = "this kernel has no FUSE";
		return;
	}
	check(device, "/dev/fuse");
	close(check(open(ends.path, O_CREAT | O_WRONLY, 0600), ends.path));
	snprintf(options, sizeof(options), "fd=%d,rootmode=100000,user_id=0,group_id=0", device);
	check(mount("cases", ends.path, "fuse", MS_NOSUID | MS_NODEV, options), "mount");
	pthread_create(&server, NULL, serve, NULL);

	file = check(open(ends.path, O_RDONLY), ends.path);
	check(fstat(file, &status), "fstat");
	listener = listen_on_loopback(5, &address);
	ends.client = connected_to(&address);
	ends.server = accepted_from(listener);
	add_client(ends.client);
	pthread_create(&receiver, NULL, reread_and_receive, &ends);
	report.count = check(sendfile(ends.client, file, &position, SIZE), "sendfile");
	report.other = held_size;
	close(ends.client);
	pthread_join(receiver, NULL);

	close(ends.server);
	close(listener);
	close(file);
	check(umount(ends.path), "umount");
	pthread_join(server, NULL);
	unlink(ends.path);
}
