/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The kernel's arrays by number (XArray, Linux 4.20): trees of nodes with 64 slots. */
#ifndef TCPTRACKER_XARRAY_BPF_H
#define TCPTRACKER_XARRAY_BPF_H

#include "helpers.bpf.h"

#define XA_SLOTS 64

/* What an entry is, is told by its lowest bits: 0 a pointer, 2 something of the array's own. */
static __always_inline bool is_internal(__u64 entry)
{
	return (entry & 3) == 2;
}

static __always_inline bool is_node(__u64 entry)
{
	return is_internal(entry) && entry > 4096;
}

static __always_inline __u64 read_slot(struct xa_node *node, __u64 slot)
{
	void *entry = 0;

	bpf_probe_read_kernel(&entry, sizeof(entry), &node->slots[slot % XA_SLOTS]);
	return (__u64)entry;
}

/* The pointer at `index`, or NULL; `levels`, a constant: of nodes at most, each of which is 6 bits of the index. */
static __always_inline void *load_xarray(struct xarray *array, __u64 index, const int levels)
{
	__u64 entry = (__u64)BPF_CORE_READ(array, xa_head);

	if (!is_node(entry))
		return index || entry & 3 ? 0 : (void *)entry;
	if (index >> (BPF_CORE_READ((struct xa_node *)(entry - 2), shift) & 63) >= XA_SLOTS)
		return 0;
	for (int level = 0; level < levels && is_node(entry); level++) {
		struct xa_node *node = (struct xa_node *)(entry - 2);

		entry = read_slot(node, index >> (BPF_CORE_READ(node, shift) & 63));
		/* Where an entry takes several slots, those after the first one name that one. */
		if (is_internal(entry) && entry >> 2 < XA_SLOTS)
			entry = read_slot(node, entry >> 2);
	}
	return entry & 3 ? 0 : (void *)entry;
}

#endif
