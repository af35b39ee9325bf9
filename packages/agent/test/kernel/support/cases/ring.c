/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "ring.h"
#include "cases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROVIDE_USER_DATA UINT64_MAX

static void *map(int fd, size_t size, off_t offset)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);

	if (memory == MAP_FAILED)
		die("mmap of the ring");
	return memory;
}

bool ring_make(struct ring *ring, unsigned flags)
{
	memset(ring, 0, sizeof(*ring));
	ring->params.flags = flags | IORING_SETUP_CQSIZE;
	ring->params.cq_entries = 16 * RING_ENTRIES;
	ring->params.sq_thread_idle = 50;
	ring->fd = (int)syscall(SYS_io_uring_setup, RING_ENTRIES, &ring->params);
	if (ring->fd < 0) {
		if (errno == EINVAL || errno == ENOSYS || errno == EPERM)
			return false;
		die("io_uring_setup");
	}
	const struct io_sqring_offsets *sq = &ring->params.sq_off;
	const struct io_cqring_offsets *cq = &ring->params.cq_off;
	uint8_t *submissions = map(ring->fd, sq->array + ring->params.sq_entries * sizeof(unsigned), IORING_OFF_SQ_RING);
	uint8_t *completions = map(ring->fd, cq->cqes + ring->params.cq_entries * sizeof(struct io_uring_cqe),
				   IORING_OFF_CQ_RING);
	ring->sqes = map(ring->fd, ring->params.sq_entries * sizeof(struct io_uring_sqe), IORING_OFF_SQES);
	ring->sq_head = (unsigned *)(submissions + sq->head);
	ring->sq_tail = (unsigned *)(submissions + sq->tail);
	ring->sq_flags = (unsigned *)(submissions + sq->flags);
	ring->sq_array = (unsigned *)(submissions + sq->array);
	ring->cq_head = (unsigned *)(completions + cq->head);
	ring->cq_tail = (unsigned *)(completions + cq->tail);
	ring->cqes = (struct io_uring_cqe *)(completions + cq->cqes);
	return true;
}

void ring_close(struct ring *ring)
{
	close(ring->fd);
}

struct io_uring_sqe *ring_entry(struct ring *ring, uint8_t opcode, int fd, uint64_t user_data)
{
	unsigned tail = ring->tail++, index = tail & (ring->params.sq_entries - 1);
	struct io_uring_sqe *sqe = &ring->sqes[index];

	while (tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE) >= ring->params.sq_entries)
		usleep(100);
	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->fd = fd;
	sqe->user_data = user_data;
	ring->sq_array[index] = index;
	ring->queued++;
	return sqe;
}

static void enter(struct ring *ring, unsigned wanted)
{
	unsigned flags = wanted || ring->params.flags & IORING_SETUP_DEFER_TASKRUN ? IORING_ENTER_GETEVENTS : 0;
	unsigned submitted = ring->queued;

	/* Only now are the entries filled, and a thread of the kernel may look at them. */
	__atomic_store_n(ring->sq_tail, ring->tail, __ATOMIC_RELEASE);
	if (ring->params.flags & IORING_SETUP_SQPOLL) {
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		if (__atomic_load_n(ring->sq_flags, __ATOMIC_ACQUIRE) & IORING_SQ_NEED_WAKEUP)
			flags |= IORING_ENTER_SQ_WAKEUP;
	}
	ring->queued = 0;
	while (syscall(SYS_io_uring_enter, ring->fd, submitted, wanted, flags, NULL, 0) < 0)
		if (errno != EINTR)
			die("io_uring_enter");
}

void ring_submit(struct ring *ring)
{
	enter(ring, 0);
}

bool ring_has_next(struct ring *ring)
{
	return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) != *ring->cq_head;
}

struct completed ring_next(struct ring *ring)
{
	if (ring->queued || !ring_has_next(ring))
		enter(ring, ring_has_next(ring) ? 0 : 1);
	while (!ring_has_next(ring))
		enter(ring, 1);
	unsigned head = *ring->cq_head;
	const struct io_uring_cqe *cqe = &ring->cqes[head & (ring->params.cq_entries - 1)];
	struct completed completed = { cqe->user_data, cqe->res, cqe->flags };

	__atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
	return completed;
}

long ring_register(struct ring *ring, unsigned operation, const void *argument, unsigned count)
{
	return syscall(SYS_io_uring_register, ring->fd, operation, argument, count);
}

uint8_t *provided_buffer(const struct provided *provided, unsigned id)
{
	return provided->memory + (size_t)id * provided->size;
}

static void provide(struct provided *provided, unsigned id, unsigned count)
{
	struct io_uring_sqe *sqe =
		ring_entry(provided->ring, IORING_OP_PROVIDE_BUFFERS, (int)count, PROVIDE_USER_DATA);

	sqe->addr = (uintptr_t)provided_buffer(provided, id);
	sqe->len = provided->size;
	sqe->off = id;
	sqe->buf_group = provided->group;
	sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
}

bool provided_make(struct provided *provided, struct ring *ring, bool as_ring, bool incremental, uint16_t group,
		   unsigned count, unsigned size)
{
	*provided = (struct provided){ .ring = ring, .count = count, .size = size, .group = group,
				       .incremental = incremental };
	provided->memory = malloc((size_t)count * size);
	provided->used = calloc(count, sizeof(*provided->used));
	if (!provided->memory || !provided->used)
		die("malloc");
	memset(provided->memory, 0, (size_t)count * size);
	if (!as_ring) {
		provide(provided, 0, count);
		return true;
	}
	provided->entries = mmap(NULL, count * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (provided->entries == MAP_FAILED)
		die("mmap of the buffers' ring");
	struct io_uring_buf_reg registration = { .ring_addr = (uintptr_t)provided->entries,
						 .ring_entries = count, .bgid = group };
	/* In Linux 6.1's header the flags are still padding. */
	uint16_t flags = incremental ? PBUF_RING_INC : 0;
	memcpy((char *)&registration + offsetof(struct io_uring_buf_reg, bgid) + sizeof(uint16_t), &flags, sizeof(flags));
	if (ring_register(ring, IORING_REGISTER_PBUF_RING, &registration, 1) < 0)
		return false;
	for (unsigned id = 0; id < count; id++)
		provided_return(provided, id);
	return true;
}

void provided_return(struct provided *provided, unsigned id)
{
	if (!provided->entries) {
		provide(provided, id, 1);
		return;
	}
	struct io_uring_buf *entry = &provided->entries->bufs[provided->tail & (provided->count - 1)];

	entry->addr = (uintptr_t)provided_buffer(provided, id);
	entry->len = provided->size;
	entry->bid = (uint16_t)id;
	provided->used[id] = 0;
	__atomic_store_n(&provided->entries->tail, ++provided->tail, __ATOMIC_RELEASE);
}
