/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One buffer as segments of uneven length with foreign bytes between them: a reader that takes the first base and the
 * whole length gets the wrong bytes. Every fifth segment is empty, with a null base.
 */
#include "traffic.h"

#include <stdlib.h>
#include <string.h>

#define BETWEEN 13 /* odd, so that segments start at odd addresses too */
#define FOREIGN 0xEE

static bool is_empty(unsigned index, unsigned count)
{
	return count > 2 && index % 5 == 2;
}

void scatter_make(struct scatter *scatter, size_t size, unsigned count)
{
	unsigned filled = 0, last = 0, index = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!is_empty(i, count)) {
			filled++;
			last = i;
		}
	}
	size_t base = size / filled;
	scatter->arena = allocate(size + (size_t)count * BETWEEN + 1);
	memset(scatter->arena, FOREIGN, size + (size_t)count * BETWEEN + 1);
	uint8_t *at = scatter->arena;
	size_t rest = size;
	for (unsigned i = 0; i < count; i++) {
		struct iovec *segment = &scatter->segments[i];
		if (is_empty(i, count)) {
			*segment = (struct iovec){ 0 };
			continue;
		}
		/* Three lengths in turn, a quarter below, at, and a quarter above the mean; one byte where it is below one. */
		size_t length = base ? base + (index % 3) * (base / 4) - base / 4 : 1;
		index++;
		if (i == last || length > rest)
			length = rest;
		*segment = (struct iovec){ .iov_base = at, .iov_len = length };
		at += length + BETWEEN;
		rest -= length;
	}
}

void scatter_put(struct scatter *scatter, unsigned count, const uint8_t *data)
{
	for (unsigned i = 0; i < count; i++) {
		if (scatter->segments[i].iov_len == 0)
			continue;
		memcpy(scatter->segments[i].iov_base, data, scatter->segments[i].iov_len);
		data += scatter->segments[i].iov_len;
	}
}

void scatter_get(const struct scatter *scatter, unsigned count, uint8_t *out, size_t size)
{
	for (unsigned i = 0; i < count && size > 0; i++) {
		size_t length = scatter->segments[i].iov_len;
		if (length > size)
			length = size;
		if (length == 0)
			continue;
		memcpy(out, scatter->segments[i].iov_base, length);
		out += length;
		size -= length;
	}
}

void scatter_free(struct scatter *scatter)
{
	free(scatter->arena);
	scatter->arena = NULL;
}
