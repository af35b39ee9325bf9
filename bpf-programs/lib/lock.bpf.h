/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * For kernels before 5.12, which have no atomic instruction that returns the value before: a lock that is
 * held while its key is in a map. Several threads that use one socket at once need it, nobody else.
 */
#ifndef TCPTRACKER_LOCK_BPF_H
#define TCPTRACKER_LOCK_BPF_H

#include "helpers.bpf.h"

/* A holder needs some 100 ns; a soft interrupt on the holder's own CPU must not wait for ever. */
#define LOCK_ATTEMPTS 64

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} locks SEC(".maps");

static __always_inline bool lock(__u64 *key)
{
	__u8 held = 1;

	for (int i = 0; i < LOCK_ATTEMPTS; i++)
		if (bpf_map_update_elem(&locks, key, &held, BPF_NOEXIST) == 0)
			return true;
	return false;
}

#define LOCKED(owner, pointer, new)                                               \
	({                                                                        \
		__u64 key_ = (owner);                                             \
		volatile typeof(*(pointer)) *place_ = (pointer);                  \
		bool locked_ = lock(&key_);                                       \
		typeof(*(pointer)) before_ = *place_;                             \
		*place_ = (new);                                                  \
		if (locked_)                                                      \
			bpf_map_delete_elem(&locks, &key_);                       \
		before_;                                                          \
	})

#endif
