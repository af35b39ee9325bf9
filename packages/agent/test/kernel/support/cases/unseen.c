/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that no call of the tap's table moves, and endings that make TCP's sequence numbers jump. The client sends to
 * the server unless the case says otherwise; `count` is how many bytes went past the calls, from one end to the other.
 */
#define _GNU_SOURCE
#include "cases.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static aio_context_t context;
static char buffer[1 << 20];

/* io_submit performs the operation on a socket before it returns; the result comes by io_getevents. */
static long submit(int fd, unsigned operation, size_t size)
{
	struct iocb block = { .aio_fildes = fd,
			      .aio_lio_opcode = operation,
			      .aio_buf = (uintptr_t)buffer,
			      .aio_nbytes = size };
	struct iocb *blocks[] = { &block };
	struct io_event event;

	check(syscall(SYS_io_submit, context, 1L, blocks), "io_submit");
	if (syscall(SYS_io_getevents, context, 1L, 1L, &event, NULL) != 1)
		die("io_getevents");
	errno = event.res < 0 ? -event.res : 0;
	return check(event.res < 0 ? -1 : event.res, "an operation of io_submit");
}

static void send_unseen(int fd, size_t size)
{
	while (size > 0)
		size -= submit(fd, IOCB_CMD_PWRITE, size < sizeof(buffer) ? size : sizeof(buffer));
}

static void receive_unseen(int fd, size_t size)
{
	long received;

	for (; size > 0; size -= received)
		if ((received = submit(fd, IOCB_CMD_PREAD, size < sizeof(buffer) ? size : sizeof(buffer))) == 0)
			die("the stream ended early");
}

static int has_aio(void)
{
	if (syscall(SYS_io_setup, 1L, &context) == 0)
		return 1;
	report.unsupported = "this kernel has no io_submit (CONFIG_AIO)";
	return 0;
}

static int listener;

static void connect_both(int *client, int *server)
{
	struct sockaddr_in address;

	listener = listen_on_loopback(5, &address);
	*client = connected_to(&address);
	*server = accepted_from(listener);
	add_client(*client);
}

static void receive_end(int fd)
{
	if (recv(fd, buffer, sizeof(buffer), 0) != 0)
		die("the stream was to end");
}

static void close_both(int first, int second)
{
	close(first);
	receive_end(second);
	close(second);
	close(listener);
}

/* Visible bytes before and after. */
void case_unseen(void)
{
	int client, server;

	if (!has_aio())
		return;
	connect_both(&client, &server);
	talk(client, server, "before");
	for (int i = 0; i < 10; i++) {
		send_unseen(client, 10001);
		receive_unseen(server, 10001);
		report.count += 10001;
	}
	talk(client, server, "after");
	close_both(client, server);
}

static void wait_for_state(int fd, int state)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	do {
		check(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length), "TCP_INFO");
		usleep(1000);
	} while (info.tcpi_state != state);
}

/* One byte from the server, which the client takes, with the end of the stream, when TCP is done. */
void case_unseen_answer(void)
{
	int client, server;

	if (!has_aio())
		return;
	connect_both(&client, &server);
	talk(client, server, "question");
	check(shutdown(client, SHUT_WR), "shutdown");
	receive_end(server);
	send_unseen(server, 1);
	report.count = 1;
	close(server);
	wait_for_state(client, TCP_CLOSE);
	receive_unseen(client, 1);
	if (submit(client, IOCB_CMD_PREAD, 1) != 0)
		die("the stream was to end");
	close(client);
	close(listener);
}

/* Of the 7 unseen bytes, the server takes 3: its close is a reset. */
void case_unseen_reset(void)
{
	int client, server;

	if (!has_aio())
		return;
	connect_both(&client, &server);
	talk(client, server, "hello");
	send_unseen(client, 7);
	report.count = 7;
	receive_unseen(server, 3);
	close(server);
	if (recv(client, buffer, 1, 0) >= 0 || errno != ECONNRESET)
		die("a reset was to come");
	close(client);
	close(listener);
}

/* More than a sequence number can count; the server has them dropped (MSG_TRUNC), which is a call like others. */
void case_unseen_much(void)
{
	int client, server, idle = 0;
	unsigned long left = (4UL << 30) + 12345;

	if (!has_aio())
		return;
	connect_both(&client, &server);
	for (report.count = left; left > 0; idle = 0) {
		size_t size = left < sizeof(buffer) ? left : sizeof(buffer);

		send_unseen(client, size);
		for (left -= size; size > 0; size -= idle)
			idle = check(recv(server, buffer, size, MSG_TRUNC), "recv");
	}
	close_both(client, server);
}

/* As <linux/tcp.h> has it, which cannot be included besides <netinet/tcp.h>. */
struct zerocopy_receive {
	uint64_t address;
	uint32_t length, recv_skip_hint, inq;
	int32_t err;
	uint64_t copybuf_address;
	int32_t copybuf_len;
	uint32_t flags;
	uint64_t msg_control, msg_controllen;
	uint32_t msg_flags, reserved;
};

/* The server takes 3 bytes by a getsockopt. */
void case_unseen_zerocopy(void)
{
	struct zerocopy_receive taken = { .copybuf_address = (uintptr_t)buffer, .copybuf_len = sizeof(buffer) };
	socklen_t length = sizeof(taken);
	int client, server;

	connect_both(&client, &server);
	if (send(client, "abc", 3, 0) != 3)
		die("send");
	wait_for(server, POLLIN);
	if (getsockopt(server, IPPROTO_TCP, TCP_ZEROCOPY_RECEIVE, &taken, &length) || taken.copybuf_len != 3)
		report.unsupported = "this kernel's TCP_ZEROCOPY_RECEIVE does not copy small amounts (Linux 5.11)";
	report.count = 3;
	close_both(client, server);
}

/* Both ends move 4 bytes by calls that fail, because they cannot write to their headers. */
void case_unseen_failing(void)
{
	struct mmsghdr *header = mmap(NULL, sizeof(*header), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct iovec segment = { .iov_base = buffer, .iov_len = 4 };
	int client, server;

	if (header == MAP_FAILED)
		die("mmap");
	header->msg_hdr.msg_iov = &segment;
	header->msg_hdr.msg_iovlen = 1;
	check(mprotect(header, sizeof(*header), PROT_READ), "mprotect");
	connect_both(&client, &server);
	talk(client, server, "works");
	if (sendmmsg(client, header, 1, 0) >= 0 || errno != EFAULT)
		die("sendmmsg was to fail");
	if (recvmsg(server, &header->msg_hdr, MSG_WAITALL) >= 0 || errno != EFAULT)
		die("recvmsg was to fail");
	report.count = 4;
	close_both(client, server);
}

/* The server sends 5 bytes, of which the client takes 2. */
static void leave_unread(int *client, int *server)
{
	connect_both(client, server);
	talk(*server, *client, "12");
	if (send(*server, "345", 3, 0) != 3)
		die("send");
	wait_for(*client, POLLIN);
}

/* A disconnect drops what is unread, and the next connection of the socket has other numbers. */
void case_disconnect_unread(void)
{
	struct sockaddr unspecified = { .sa_family = AF_UNSPEC };
	struct sockaddr_in address;
	int client, server;

	leave_unread(&client, &server);
	address = loopback(report.listener);
	check(connect(client, &unspecified, sizeof(unspecified)), "disconnect");
	close(server);
	check(connect(client, (struct sockaddr *)&address, sizeof(address)), "connect again");
	add_client(client);
	server = accepted_from(listener);
	talk(server, client, "again");
	close_both(client, server);
}

/* A socket under repair (as when a process is dumped) is disconnected at its close. */
void case_repair_unread(void)
{
	int client, server, on = 1;

	leave_unread(&client, &server);
	check(setsockopt(client, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)), "TCP_REPAIR");
	close(client);
	reset_at_close(server);
	close(server);
	close(listener);
}

/* Ended by a reset with the peer's FIN unread. */
void case_linger_fin(void)
{
	int client, server;

	connect_both(&client, &server);
	talk(server, client, "12");
	check(shutdown(server, SHUT_WR), "shutdown");
	wait_for(client, POLLRDHUP);
	reset_at_close(client);
	close(client);
	wait_for(server, POLLIN);
	close(server);
	close(listener);
}

/* connect returns before there is even a SYN: it goes with the first bytes. */
void case_fastopen_connect(void)
{
	struct sockaddr_in address;
	int client = check(socket(AF_INET, SOCK_STREAM, 0), "socket"), server, on = 1;

	listener = listen_on_loopback(5, &address);
	if (setsockopt(client, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) ||
	    setsockopt(client, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof(on))) {
		report.unsupported = "net.ipv4.tcp_fastopen does not let clients use it";
		return;
	}
	check(connect(client, (struct sockaddr *)&address, sizeof(address)), "connect");
	if (send(client, "fast", 4, 0) != 4)
		die("send");
	add_client(client);
	server = accepted_from(listener);
	if (recv(server, buffer, 4, MSG_WAITALL) != 4)
		die("recv");
	close_both(client, server);
}

/* The bytes were to go when the connection stands, which it never does. Another connection follows. */
void case_fastopen_refused(void)
{
	struct sockaddr_in nobody, address;
	int client = bound_socket(), unused = bound_socket(), server, on = 1;

	nobody = loopback(port_of(unused));
	report.other = port_of(unused);
	listener = listen_on_loopback(5, &address);
	add_client(client);
	if (setsockopt(client, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &on, sizeof(on)) ||
	    setsockopt(client, IPPROTO_TCP, TCP_FASTOPEN_NO_COOKIE, &on, sizeof(on))) {
		report.unsupported = "net.ipv4.tcp_fastopen does not let clients use it";
		return;
	}
	check(connect(client, (struct sockaddr *)&nobody, sizeof(nobody)), "connect");
	if (send(client, "fast", 4, 0) != -1)
		die("a refused send");
	close(client);
	close(unused);
	client = connected_to(&address);
	add_client(client);
	server = accepted_from(listener);
	talk(client, server, "again");
	close_both(client, server);
}

/* A socket that is connected to itself: the SYNs cross, and each end is the other. */
void case_self(void)
{
	int fd = bound_socket();
	struct sockaddr_in address = loopback(port_of(fd));

	report.listener = port_of(fd);
	check(connect(fd, (struct sockaddr *)&address, sizeof(address)), "connect");
	add_client(fd);
	talk(fd, fd, "to myself");
	check(shutdown(fd, SHUT_WR), "shutdown");
	receive_end(fd);
	close(fd);
}
