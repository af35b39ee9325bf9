/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How records leave the kernel: each object is compiled for one of the two transports. */
#ifndef TCPTRACKER_OUTPUT_BPF_H
#define TCPTRACKER_OUTPUT_BPF_H

#if defined(TT_PERFBUF)
#include "perfbuf.bpf.h"
#else
#include "ringbuf.bpf.h"
#endif

#endif
