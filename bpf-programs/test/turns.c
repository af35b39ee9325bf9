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
typedef uint32_t __u32;
typedef uint8_t __u8;
#define SEC(name)
#define BPF_MAP_TYPE_HASH 0
#define BPF_ANY 0
#define __uint(name, value) int name
#define __type(name, type) type *name

static const bool doubled = true;
static bool no_memory, marked;

static __u64 bpf_get_current_pid_tgid(void)
{
	return 1;
}

static long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags)
{
	(void)map, (void)key, (void)value, (void)flags;
	marked = !no_memory;
	return no_memory ? -12 : 0;
}

static long bpf_map_delete_elem(void *map, const void *key)
{
	bool had = marked;

	(void)map, (void)key;
	marked = false;
	return had ? 0 : -2;
}

#include "../lib/turns.bpf.h"

static void run(const char *calls)
{
	marked = false;
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
