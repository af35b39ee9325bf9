/* SPDX-License-Identifier: Apache-2.0 */
/*
 * traffic: moves known bytes over loopback TCP with exactly the system call that was asked for.
 *
 * A kernel test starts it, attaches the tap at the moment it wants, and compares what the tap saw with what this
 * program says it did. Every call goes through syscall(2), so that libc cannot put another one in its place.
 */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define MAX_SEGMENTS 1024 /* UIO_MAXIOV: the kernel refuses more */
#define MAX_MESSAGES 8
#define MAX_SIZE (64u << 20)
#define MAX_ERRNO 134

#define CALLS(X)           \
	X(READ, read)           \
	X(WRITE, write)         \
	X(READV, readv)         \
	X(WRITEV, writev)       \
	X(PREADV2, preadv2)     \
	X(PWRITEV2, pwritev2)   \
	X(RECVFROM, recvfrom)   \
	X(SENDTO, sendto)       \
	X(RECVMSG, recvmsg)     \
	X(SENDMSG, sendmsg)     \
	X(RECVMMSG, recvmmsg)   \
	X(SENDMMSG, sendmmsg)   \
	X(CONNECT, connect)     \
	X(ACCEPT, accept)       \
	X(ACCEPT4, accept4)     \
	X(SENDFILE, sendfile)   \
	X(SPLICE, splice)       \
	X(SHUTDOWN, shutdown)

enum call {
#define X(upper, lower) CALL_##upper,
	CALLS(X)
#undef X
	CALL_MAX,
};

enum sync_point { SYNC_START = 1, SYNC_CONNECTED = 2, SYNC_MIDDLE = 4 };

enum family { FAMILY_4 = 4, FAMILY_6 = 6, FAMILY_MAPPED = 46 };

struct options {
	const char *mode;
	enum family family;
	enum call send;
	enum call receive;
	enum call accept;
	size_t size;      /* bytes per direction */
	size_t head;      /* of these, bytes moved before the middle sync point */
	size_t call_size; /* most bytes asked of one call */
	unsigned segments;
	unsigned messages;
	bool nonblocking;
	bool small_buffers;
	unsigned sync; /* set of enum sync_point */
	uint32_t seed;
	unsigned connections;
	unsigned parallel;
	unsigned timeout;
};

extern struct options options;

/* Zero for what the mode does not do. Lives in shared memory: the other end may be another process. */
struct end {
	int32_t pid;
	int32_t tid;
	int32_t second_tid;
	int fd;
	uint16_t port;
	char address[INET6_ADDRSTRLEN];
	uint64_t egress;    /* bytes that calls returned as sent */
	uint64_t ingress;   /* bytes taken from the stream: not peeked, not urgent, dropped ones included */
	uint64_t tcp_sent;  /* by TCP's own count */
	uint64_t tcp_received;
	uint64_t peeked;
	uint64_t discarded;
	uint64_t urgent;
	uint64_t partial;   /* sending calls that took fewer bytes than offered */
	uint64_t full;      /* sending calls that met EAGAIN */
	bool egress_unordered;
	uint32_t egress_crc;
	uint32_t ingress_crc; /* over the bytes that reached user memory */
	uint64_t calls[CALL_MAX];
	uint64_t failed[MAX_ERRNO];
	const uint8_t *out;      /* the whole stream this end sends */
	const uint8_t *expected; /* the whole stream this end should receive */
	uint8_t *in;
	int out_file, in_file;
	int out_pipe[2], in_pipe[2];
	size_t piped; /* bytes in out_pipe */
};

/* What both ends see. The flags say how far the conversation has come. */
struct shared {
	struct end client;
	struct end server;
	int accepted;
	int go;        /* past the "connected" sync point */
	int go_middle; /* past the "middle" sync point */
	int step;      /* for the modes that need one more agreement */
	int blocking;  /* the server is about to enter its first receiving call */
};

extern struct shared *shared;

struct mode {
	const char *name;
	void (*client)(struct end *end);
	void (*server)(struct end *end);
	int (*run)(void); /* instead of the two: the mode makes its own connections */
};

extern const struct mode modes[];

/* support.c */
extern const char *const call_names[CALL_MAX];
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void die_errno(const char *what);
_Noreturn void usage(const char *format, ...) __attribute__((format(printf, 1, 2)));
void *allocate(size_t size);
int32_t thread_id(void);
void limit_time(void);
void raise_flag(int *flag, int value);
void wait_flag(const int *flag, int value);
void pause_ms(unsigned ms);
void sync_point(enum sync_point point);
void wait_for_line(void);
void wait_ready(int fd, short events);

/* payload.c */
void payload_fill(uint32_t seed, size_t offset, uint8_t *out, size_t size);
uint32_t crc32_update(uint32_t crc, const uint8_t *data, size_t size);
int temporary_file(const uint8_t *data, size_t size);

/* scatter.c: one buffer as segments that do not lie next to each other */
struct scatter {
	struct iovec segments[MAX_SEGMENTS];
	uint8_t *arena;
};
void scatter_make(struct scatter *scatter, size_t size, unsigned count);
void scatter_put(struct scatter *scatter, unsigned count, const uint8_t *data);
void scatter_get(const struct scatter *scatter, unsigned count, uint8_t *out, size_t size);
void scatter_free(struct scatter *scatter);

/* calls.c: one system call each; the result is bytes, or -1 with errno */
bool call_sends(enum call call);
bool call_receives(enum call call);
bool call_takes_flags(enum call call);
ssize_t send_once(struct end *end, enum call call, size_t offset, size_t size, int flags);
ssize_t receive_once(struct end *end, enum call call, uint8_t *out, size_t size, int flags);

/* raw.c: the calls with given memory, for sockets and for what is none */
long raw_transfer(enum call call, int fd, void *data, size_t size, int flags);

/* flow.c: loops over calls that account and verify */
void send_range(struct end *end, size_t offset, size_t size);
void receive_range(struct end *end, enum call call, size_t offset, size_t size, int flags);
void received(struct end *end, enum call call, size_t offset, size_t size);
void sent(struct end *end, enum call call, size_t offset, size_t size);
void count_error(struct end *end);
void shut(struct end *end);
void expect_end(struct end *end);

/* socket.c */
int tcp_listen(unsigned host, struct sockaddr_storage *address, socklen_t *length);
int tcp_connect(const struct sockaddr_storage *address, socklen_t length);
int tcp_accept(int listener);
void tcp_pair(int *client, int *server);
void tune(int fd);
void adopt(struct end *end, int fd);
void reset_on_close(int fd);
int tcp_state(int fd);

/* tcp_info.c */
void ask_tcp(struct end *end);

/* report.c */
void report(const char *scenario, const struct end *client, const struct end *server);
void report_ignored(uint64_t bytes);
void report_churn(unsigned connections, const struct end *client, const struct end *server);

/* run.c */
void prepare(struct end *end, uint32_t out_seed, uint32_t in_seed);
int run_mode(const struct mode *mode);
int run_inherited(void);
int run_passed(void);

/* mode_*.c */
void talk_client(struct end *end);
void talk_server(struct end *end);
void blocked_client(struct end *end);
void blocked_server(struct end *end);
void partial_server(struct end *end);
void partial_client(struct end *end);
void peek_server(struct end *end);
void trunc_server(struct end *end);
void waitall_client(struct end *end);
void waitall_server(struct end *end);
void urgent_client(struct end *end);
void urgent_server(struct end *end);
void half_close_client(struct end *end);
void half_close_server(struct end *end);
void unread_client(struct end *end);
void unread_server(struct end *end);
void threads_client(struct end *end);
void threads_server(struct end *end);
void errors_client(struct end *end);
void errors_server(struct end *end);
int run_other(void);
int run_churn(void);

#endif
