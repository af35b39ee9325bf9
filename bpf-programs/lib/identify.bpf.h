/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How the tap learns its own process id as these programs see it, also inside a pid namespace. */
#ifndef TCPTRACKER_IDENTIFY_BPF_H
#define TCPTRACKER_IDENTIFY_BPF_H

#include "config.bpf.h"
#include "helpers.bpf.h"

/* Never attached: the agent runs it once with BPF_PROG_TEST_RUN, that is, as the agent. */
SEC("raw_tp")
int identify(void *context __attribute__((unused)))
{
	own_pid = bpf_get_current_pid_tgid() >> 32;
	return own_pid;
}

#endif
