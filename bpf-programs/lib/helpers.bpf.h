/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libbpf's headers, after the types that they expect to exist. */
#ifndef TCPTRACKER_HELPERS_BPF_H
#define TCPTRACKER_HELPERS_BPF_H

#include "kernel.bpf.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#endif
