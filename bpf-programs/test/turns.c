/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turns.bpf.h as a program: each word is a thread, each letter a call of it: f, the kernel skips the first copy; s, the
 * second one; b, both; m, there is no memory for the mark; ., nothing of that. Prints how often each call was taken.
 */
#define TCPTRACKER_CONFIG_BPF_H
#define TCPTRACKER_HELPERS_BPF_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t __u64;
#define SEC(name)
#define BPF_MAP_TYPE_TASK_STORAGE 0
#define BPF_F_NO_PREALLOC 0
#define BPF_LOCAL_STORAGE_GET_F_CREATE 0
#define __uint(name, value) int name
#define __type(name, type) type *name

static const bool doubled = true;
static bool no_memory;
static __u64 storage;

static void *bpf_get_current_task_btf(void)
{
	return 0;
}

static void *bpf_task_storage_get(void *map, void *task, void *value, unsigned flags)
{
	(void)map, (void)task, (void)value, (void)flags;
	return no_memory ? 0 : &storage;
}

#include "../lib/turns.bpf.h"

static void run(const char *calls)
{
	storage = 0;
	for (const char *call = calls; *call; call++) {
		int taken = 0;

		no_memory = *call == 'm';
		if (*call != 'f' && *call != 'b')
			taken += takes_turn(FIRST_COPY);
		if (*call != 's' && *call != 'b')
			taken += takes_turn(SECOND_COPY);
		putchar('0' + taken);
	}
	putchar('\n');
}

int main(int count, char **words)
{
	for (int i = 1; i < count; i++)
		run(words[i]);
	return 0;
}
