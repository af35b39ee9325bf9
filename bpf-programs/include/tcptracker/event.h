/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The record ABI: what the kernel programs write and @tcptracker/events reads.
 *
 * This is the one description of a record. The TypeScript layout is generated from the BTF of the
 * compiled objects (npm run generate); nothing mirrors these structures by hand.
 *
 * All integers are in the byte order of the machine; the two ports are in host order. A record is
 * tt_record, followed by what its type says. Every byte is written; padding has a name.
 */
#ifndef TCPTRACKER_EVENT_H
#define TCPTRACKER_EVENT_H

#include "types.h"
#include "syscalls.h"

#define TT_NAME_LENGTH 16
#define TT_ADDRESS_LENGTH 16

enum tt_record_type {
	TT_RECORD_OPEN = 1,
	TT_RECORD_DATA = 2,
	TT_RECORD_CLOSE = 3,
	TT_RECORD_GAP = 4,
};

enum tt_direction {
	TT_DIRECTION_NONE = 0,
	TT_DIRECTION_EGRESS = 1,
	TT_DIRECTION_INGRESS = 2,
};

enum tt_role {
	TT_ROLE_CLIENT = 1,
	TT_ROLE_SERVER = 2,
};

/* Since when the tap knows the connection. */
enum tt_joined {
	TT_JOINED_START = 1,
	TT_JOINED_MIDSTREAM = 2,
};

/* What travels on the wire: an IPv6 socket that talks to an IPv4 peer is IPv4. */
enum tt_network {
	TT_NETWORK_IPV4 = 4,
	TT_NETWORK_IPV6 = 6,
};

/* Why bytes that a call moved are in no data record. */
enum tt_gap_cause {
	TT_GAP_SNAPLEN = 1,	/* beyond the capture length of the call */
	TT_GAP_RING_FULL = 2,	/* the reader did not keep up */
	TT_GAP_FAULT = 3,	/* the page was not present when the call returned */
	TT_GAP_SENDFILE = 4,	/* from a file of which the kernel had no pages in memory, or none that can be read */
	TT_GAP_SPLICE = 5,	/* moved inside the kernel, never in user memory */
	TT_GAP_DISCARDED = 6,	/* received with MSG_TRUNC: dropped by the kernel at the caller's wish */
	TT_GAP_SEGMENTS = 7,	/* more segments in one call than the program walks */
	/*
	 * By TCP's own count the connection moved more than the calls that the tap saw. Found at its end, and declared
	 * behind everything else, because the place in the stream is not known.
	 */
	TT_GAP_UNSEEN = 8,
	TT_GAP_IO_URING = 9,	/* moved by io_uring, and the kernel no longer told where to */
};

/* Which sides of the connection the tapped process shut down itself, as a bit set. */
enum tt_shutdown {
	TT_SHUTDOWN_READ = 1,
	TT_SHUTDOWN_WRITE = 2,
};

struct tt_record {
	__u32 length;			/* bytes of this record, this header and the payload included */
	__u8 type;			/* enum tt_record_type */
	__u8 direction;			/* enum tt_direction */
	__u8 role;			/* enum tt_role, of the tapped process */
	__u8 joined;			/* enum tt_joined */
	__u64 time;			/* ns, CLOCK_MONOTONIC, when the call returned */
	__u64 connection;		/* never used again by this tap */
	__u64 cgroup;			/* cgroup v2 id of the calling task */
	__u32 pid;			/* thread group id in the initial pid namespace */
	__u32 tid;
	__u32 uid;			/* in the initial user namespace */
	__u16 syscall;			/* enum tt_syscall; 0 when no call was involved */
	__u8 network;			/* enum tt_network */
	__u8 filter;			/* low bits of the generation of the filter that judged the call; 0: none has */
	char name[TT_NAME_LENGTH];	/* command name of the thread group leader */
	__u8 local_address[TT_ADDRESS_LENGTH];	/* IPv4 as ::ffff:a.b.c.d */
	__u8 remote_address[TT_ADDRESS_LENGTH];
	__u16 local_port;
	__u16 remote_port;
	__u32 reserved2;
};

struct tt_open {
	struct tt_record record;
};

struct tt_data {
	struct tt_record record;
	__u64 offset;			/* of the first payload byte, in this direction */
	__u64 size;			/* bytes the whole call moved */
	__u32 captured;			/* payload bytes that follow this structure */
	__u32 reserved;
};

struct tt_gap {
	struct tt_record record;
	__u64 offset;			/* of the first missing byte, in this direction */
	__u64 size;			/* missing bytes */
	__u16 cause;			/* enum tt_gap_cause */
	__u16 reserved;
	__u32 reserved2;
};

struct tt_close {
	struct tt_record record;
	__u64 egress_bytes;		/* moved since the tap saw the connection, by tapped calls or unseen */
	__u64 ingress_bytes;
	__u64 duration;			/* ns since the tap saw the connection */
	__u64 smoothed_rtt;		/* us */
	__u32 retransmits;		/* segments, over the whole life of the connection */
	__u8 shutdown;			/* set of enum tt_shutdown */
	__u8 reserved[3];
};

/*
 * A value of the `connections` map, and of the `unsent` map, where a connection goes that ends while the
 * ring is full: user space makes the records that it owes.
 */
struct tt_connection {
	struct tt_close close;		/* the record of its end, kept up to date; its header is what all records share */
	__u64 started;			/* ns, CLOCK_MONOTONIC */
	__u64 egress_owed_offset;	/* bytes, up to the current offset, whose gap record the ring refused */
	__u64 egress_owed_size;
	__u64 ingress_owed_offset;
	__u64 ingress_owed_size;
	/* TCP's own figures, for the comparison at the end: lib/unseen.bpf.h. */
	__u64 egress_acked;		/* when the entry was made: what TCP counts with 64 bits, but too early or too late, ... */
	__u64 ingress_received;
	__u64 egress_moved;		/* by these figures, when TCP was done */
	__u64 ingress_moved;
	__u64 egress_unseen;		/* part of egress_bytes that is yet to be declared */
	__u64 ingress_unseen;
	__u32 egress_seq;		/* ... and what it counts exactly, but with 32 bits */
	__u32 ingress_seq;
	__u32 closed_seq;		/* of egress, when TCP was done */
	__u32 opened;			/* seen to be open: the open record was sent or is owed */
	__u8 open_owed;			/* the ring refused it */
	__u8 ended;			/* TCP is done, a process still holds the socket */
	__u8 compared;			/* set of enum tt_compared */
	__u8 reserved;
	__u32 verdict;			/* enum tt_verdict */
};

/*
 * What the part of a filter that looks at the connection alone has said of one: TT_VERDICT_GENERATION times the
 * filter's generation, plus one of the others. 0: nothing yet.
 */
enum tt_verdict {
	TT_VERDICT_REJECTED = 1,
	TT_VERDICT_ACCEPTED = 2,
	TT_VERDICT_GENERATION = 4,
};

/* Which of TCP's figures a connection has, as a bit set. */
enum tt_compared {
	TT_COMPARED_EGRESS = 1,
	TT_COMPARED_INGRESS = 2,
	TT_COMPARED_INGRESS_FROM_SYN = 4,	/* TCP had no sequence number of the peer's yet */
	TT_COMPARED_CLOSED = 8,			/* those of the end */
};

/* Bytes of a call that a filter's tests on its payload look at, at most. */
#define TT_PREFIX_LENGTH 256

/* What a compiled filter has to know of the programs around it. */
enum tt_limit {
	TT_LIMIT_CALL_SLOTS = 4,	/* values of the `calls` map per CPU: calls that it may be in the middle of */
};

/* What a compiled filter reads of a call, and writes: the head of a value of the `calls` map. */
struct tt_filter_input {
	__u64 owner;			/* pid_tgid of the thread whose call it is; 0 when the slot is free */
	struct tt_data data;		/* what is to be judged: its header's type is open when the call moved no bytes */
	__u64 sock;			/* key of the connection */
	__u32 verdict;			/* of the connection, as the hook found it; then as the filter has it */
	__u32 generation;		/* of the filter that began to judge the call, when the payload part has to go on */
	__u32 prefix_length;		/* bytes in `prefix` */
	__u32 reserved;
	__u8 prefix[2 * TT_PREFIX_LENGTH];	/* twice the room, because the verifier does not know sums */
};

/* Slots of the program array, so that the filter can be exchanged while the tap runs. */
enum tt_stage {
	TT_STAGE_FILTER,	/* without a filter, the emit program sits here too */
	TT_STAGE_EMIT,
	TT_STAGE_GATHER,	/* for emit: puts the small segments of a call into one record */
	TT_STAGE_MESSAGES,	/* before the filter: a call that moves several messages */
	TT_STAGE_COMPAT,	/* before the filter: a call of a 32-bit program (fexit and kprobe strategies) */
	TT_STAGE_RECORD,	/* before the filter: what io_uring has completed, once it is known where its bytes are */
	TT_STAGE_SEND_FILE,	/* for emit: what sendfile sent, from the pages of the file */
	TT_STAGE_PREFIX,	/* for a filter that looks at the payload: brings its first bytes to where the filter can */
	TT_STAGE_FILTER_PAYLOAD,	/* the part of the filter that follows */
	TT_STAGE_REJECT,	/* after the filter, for what it does not want */
	TT_STAGE_MAX,
};

/* Sums kept per CPU: how often a program took each way out, and how many bytes went with it. */
enum tt_counter {
	TT_COUNTER_CALLS,		/* calls of the table on TCP sockets that moved bytes */
	TT_COUNTER_RECORDS,		/* records put into the ring */
	TT_COUNTER_EGRESS_BYTES,	/* bytes moved by those calls, or unseen */
	TT_COUNTER_INGRESS_BYTES,
	TT_COUNTER_DELIVERED_BYTES,	/* payload bytes put into the ring */
	TT_COUNTER_GAP_BYTES,		/* bytes declared missing, by gap records put into the ring */
	TT_COUNTER_CONNECTIONS_OPENED,
	TT_COUNTER_CONNECTIONS_CLOSED,
	TT_COUNTER_OWN_CALL,		/* a call of the tap itself */
	TT_COUNTER_CALL_FAILED,		/* the call returned an error */
	TT_COUNTER_NOTHING_MOVED,	/* the call moved no bytes */
	TT_COUNTER_NO_FILE,		/* the file descriptor was closed before the call returned */
	TT_COUNTER_NOT_A_SOCKET,
	TT_COUNTER_NOT_TCP,
	TT_COUNTER_NOT_CONNECTED,	/* a TCP socket with no peer */
	TT_COUNTER_PEEKED,		/* MSG_PEEK: the same bytes come again */
	TT_COUNTER_ERROR_QUEUE,		/* MSG_ERRQUEUE: not bytes of the stream */
	TT_COUNTER_URGENT,		/* MSG_OOB received: outside the stream */
	TT_COUNTER_CONNECT_FAILED,
	TT_COUNTER_CONNECTIONS_FULL,	/* no room for another connection: its calls are not recorded */
	TT_COUNTER_UNTRACKED_BYTES,	/* bytes of calls on TCP sockets that got no connection entry */
	TT_COUNTER_STALE_CONNECTION,	/* an entry whose end was missed */
	TT_COUNTER_RING_FULL,		/* records refused by the ring */
	TT_COUNTER_RING_FULL_BYTES,	/* payload bytes that waited for a gap record because of it */
	TT_COUNTER_CLOSE_DEFERRED,	/* ended while the ring was full: user space makes their last records */
	TT_COUNTER_CLOSE_LOST,		/* likewise, but too many for user space to keep up with */
	TT_COUNTER_UNDECLARED_BYTES,	/* bytes that are in no record and will be in none */
	TT_COUNTER_FAULT,		/* user memory that could not be read: control structures */
	TT_COUNTER_SEGMENTS_EXCEEDED,
	TT_COUNTER_TAIL_CALL_FAILED,
	TT_COUNTER_NO_SLOT,		/* too many calls under way on one CPU: preempted in the middle of a hook */
	TT_COUNTER_STRANGE_REGISTERS,	/* the saved registers are not those of the call that returned */
	TT_COUNTER_UNSEEN_BYTES,	/* bytes that connections moved, by TCP's own count, and no call that the tap saw */
	TT_COUNTER_UNCHECKED,		/* ends of connections where TCP's own count does not tell */
	TT_COUNTER_IMPLAUSIBLE,		/* directions that moved less by TCP's own count than by the calls */
	TT_COUNTER_FILTERED_CALLS,	/* calls that the filter rejected, or its verdict on their connection */
	TT_COUNTER_FILTERED_BYTES,	/* bytes that they moved */
	TT_COUNTER_MAX,
};

#endif
