/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Load-time options: set by the agent between open and load, constants to the verifier. */
#ifndef TCPTRACKER_CONFIG_BPF_H
#define TCPTRACKER_CONFIG_BPF_H

#include <tcptracker/layout_hash.h>

#include "helpers.bpf.h"

/* What the agent compares with its decoder's hash before it loads anything. */
const volatile __u64 layout_hash = TT_LAYOUT_HASH;

/* Payload bytes kept per call. */
const volatile __u32 snaplen = 262144;

/* The reader is woken whenever the ring's fill level crosses a multiple of 2^this bytes, ... */
const volatile __u32 wakeup_shift = 21;

/* ... and for a record that comes more than this many ns after the last such wake-up. */
const volatile __u64 wakeup_interval = 10000000;

/* Makes connection ids unpredictable, so that they tell nothing about kernel addresses. */
const volatile __u64 connection_seed = 0;

/* Whether a second copy of each hook is attached (turns.bpf.h). */
const volatile bool doubled = false;

/* When the last wake-up was sent because of the interval: ns, CLOCK_MONOTONIC. */
__u64 last_wakeup = 0;

/* Of the filter in force, 0: none. Raised when the filter's programs are in their slots. */
__u32 filter_generation = 0;

/* Thread group of the tap, in the initial pid namespace: set by the `identify` program. */
__u32 own_pid = 0;

#endif
