/* SPDX-License-Identifier: Apache-2.0 */
/* Brings the two ends together: two threads, two processes that share an inherited socket, or a passed one. */
#define _GNU_SOURCE
#include "traffic.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define HIGH_FD 900

struct server_task {
	const struct mode *mode;
	int listener;
};

/* Everything an end needs before the first byte. An end owns the stream it sends and knows the one it should get. */
void prepare(struct end *end, uint32_t out_seed, uint32_t in_seed)
{
	uint8_t *out = allocate(options.size), *expected = allocate(options.size);
	payload_fill(out_seed, 0, out, options.size);
	payload_fill(in_seed, 0, expected, options.size);
	end->out = out;
	end->expected = expected;
	end->in = allocate(options.size);
	end->fd = end->in_file = -1;
	end->out_pipe[0] = end->out_pipe[1] = end->in_pipe[0] = end->in_pipe[1] = -1;
	end->out_file = -1;
	if (options.send == CALL_SENDFILE || options.send == CALL_SPLICE)
		end->out_file = temporary_file(out, options.size);
}

/* The mode "dup": the bytes travel over another descriptor than the one that was connected. */
static int maybe_move(int fd, int high)
{
	if (strcmp(options.mode, "dup") != 0)
		return fd;
	if (dup2(fd, high) < 0)
		die_errno("dup2");
	close(fd);
	return high;
}

static void close_end(struct end *end)
{
	if (end->fd < 0)
		return;
	ask_tcp(end);
	if (close(end->fd))
		die_errno("close");
	end->fd = -1;
}

static void *serve(void *argument)
{
	struct server_task *task = argument;
	struct end *end = &shared->server;
	int fd = tcp_accept(task->listener);
	end->calls[options.accept]++;
	adopt(end, maybe_move(fd, HIGH_FD + 1));
	tune(end->fd);
	raise_flag(&shared->accepted, 1);
	/* Unless the mode wants it there, no thread may sit in a call while the tap attaches. */
	if (strcmp(options.mode, "blocked") != 0)
		wait_flag(&shared->go, 1);
	task->mode->server(end);
	close_end(end);
	return NULL;
}

int run_mode(const struct mode *mode)
{
	struct end *end = &shared->client;
	struct sockaddr_storage address;
	socklen_t length;
	pthread_t thread;
	struct server_task task = { .mode = mode, .listener = tcp_listen(0, &address, &length) };
	if (pthread_create(&thread, NULL, serve, &task))
		die("pthread_create failed");
	int fd = tcp_connect(&address, length);
	end->calls[CALL_CONNECT]++;
	adopt(end, maybe_move(fd, HIGH_FD));
	tune(end->fd);
	wait_flag(&shared->accepted, 1);
	sync_point(SYNC_CONNECTED);
	raise_flag(&shared->go, 1);
	mode->client(end);
	close_end(end);
	if (pthread_join(thread, NULL))
		die("pthread_join failed");
	close(task.listener);
	report(mode->name, &shared->client, &shared->server);
	return 0;
}

static void be_child(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	limit_time();
}

static void wait_for_child(pid_t child)
{
	int status;
	if (waitpid(child, &status, 0) != child)
		die_errno("waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		die("the other process failed (status %d)", status);
}

/* The parent keeps the server's end, the child has the client's; the parent closes its copy of that one. */
static void talk_as_parent(pid_t child, int client, int server)
{
	close(client);
	adopt(&shared->server, server);
	wait_flag(&shared->go, 1);
	talk_server(&shared->server);
	close_end(&shared->server);
	wait_for_child(child);
	report(options.mode, &shared->client, &shared->server);
}

static _Noreturn void talk_as_child(int client)
{
	adopt(&shared->client, client);
	sync_point(SYNC_CONNECTED);
	raise_flag(&shared->go, 1);
	talk_client(&shared->client);
	close_end(&shared->client);
	_exit(0);
}

static void connected_pair(int *client, int *server)
{
	tcp_pair(client, server);
	shared->client.calls[CALL_CONNECT]++;
	shared->server.calls[options.accept]++;
	tune(*client);
	tune(*server);
}

/* Both sockets are there before the fork: the child inherits the client's. */
int run_inherited(void)
{
	int client, server;
	connected_pair(&client, &server);
	pid_t child = fork();
	if (child < 0)
		die_errno("fork");
	if (child == 0) {
		be_child();
		close(server);
		talk_as_child(client);
	}
	talk_as_parent(child, client, server);
	return 0;
}

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static void pass_descriptor(int channel, int fd)
{
	char byte = 0;
	union control control = { .bytes = { 0 } };
	struct iovec segment = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &segment,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &fd, sizeof(fd));
	if (syscall(SYS_sendmsg, channel, &message, 0) != 1)
		die_errno("sendmsg with SCM_RIGHTS");
}

static int take_descriptor(int channel)
{
	char byte;
	int fd;
	union control control;
	struct iovec segment = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &segment,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.bytes),
	};
	if (syscall(SYS_recvmsg, channel, &message, 0) != 1)
		die_errno("recvmsg with SCM_RIGHTS");
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	if (!header || header->cmsg_type != SCM_RIGHTS)
		die("no descriptor came");
	memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

/* The child exists before the sockets do: it can only have the client's by being given it. */
int run_passed(void)
{
	int channel[2], client, server;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel))
		die_errno("socketpair");
	pid_t child = fork();
	if (child < 0)
		die_errno("fork");
	if (child == 0) {
		be_child();
		close(channel[0]);
		talk_as_child(take_descriptor(channel[1]));
	}
	close(channel[1]);
	connected_pair(&client, &server);
	pass_descriptor(channel[0], client);
	talk_as_parent(child, client, server);
	close(channel[0]);
	return 0;
}
