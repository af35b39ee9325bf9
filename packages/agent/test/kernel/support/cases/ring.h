/* SPDX-License-Identifier: Apache-2.0 */
/* io_uring by its system calls: one ring, one thread that uses it. */
#ifndef RING_H
#define RING_H

#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What Linux 6.1's header does not know yet. */
#define OP_READ_MULTISHOT 49
#define OP_READV_FIXED 60
#define OP_WRITEV_FIXED 61
#define RECVSEND_BUNDLE (1U << 4)
#define FEAT_RECVSEND_BUNDLE (1U << 14)
#define PBUF_RING_INC 2

#define RING_ENTRIES 64

struct completed {
	uint64_t user_data;
	int32_t result;
	uint32_t flags;
};

struct ring {
	int fd;
	struct io_uring_params params;
	struct io_uring_sqe *sqes;
	unsigned *sq_head, *sq_tail, *sq_flags, *sq_array;
	unsigned *cq_head, *cq_tail;
	struct io_uring_cqe *cqes;
	unsigned tail;	/* entries below it are filled */
	unsigned queued;
};

/* False when the kernel does not have rings with these flags. */
bool ring_make(struct ring *ring, unsigned flags);
void ring_close(struct ring *ring);
/* An entry to fill, all zero but for these. */
struct io_uring_sqe *ring_entry(struct ring *ring, uint8_t opcode, int fd, uint64_t user_data);
void ring_submit(struct ring *ring);
/* Submits what is queued, and waits for the next completion. */
struct completed ring_next(struct ring *ring);
/* Whether there is one already. */
bool ring_has_next(struct ring *ring);
long ring_register(struct ring *ring, unsigned operation, const void *argument, unsigned count);

/* Buffers that the kernel chooses from: of one group, all of one size. */
struct provided {
	struct ring *ring;
	struct io_uring_buf_ring *entries; /* NULL: a list */
	uint8_t *memory;
	unsigned count, size;
	uint16_t group, tail;
	bool incremental;
	size_t *used; /* of each buffer, when incremental */
};

/* False when the kernel does not have such buffers. */
bool provided_make(struct provided *provided, struct ring *ring, bool as_ring, bool incremental, uint16_t group,
		   unsigned count, unsigned size);
uint8_t *provided_buffer(const struct provided *provided, unsigned id);
/* Gives a buffer back. */
void provided_return(struct provided *provided, unsigned id);

#endif
