/* The few kernel types the test programs need; CO-RE finds the running kernel's layout. */
#pragma once

#include <linux/types.h>
#include <stddef.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#define BPF_MAP_TYPE_HASH 1
#define BPF_MAP_TYPE_ARRAY 2
#define BPF_MAP_TYPE_PROG_ARRAY 3
#define BPF_MAP_TYPE_PERCPU_HASH 5
#define BPF_MAP_TYPE_PERCPU_ARRAY 6
#define BPF_MAP_TYPE_LRU_HASH 9
#define BPF_MAP_TYPE_LPM_TRIE 11
#define BPF_MAP_TYPE_HASH_OF_MAPS 13
#define BPF_MAP_TYPE_QUEUE 22
#define BPF_MAP_TYPE_RINGBUF 27
#define BPF_RB_NO_WAKEUP 1
#define BPF_RB_FORCE_WAKEUP 2
#define BPF_F_NO_PREALLOC 1

struct bpf_pidns_info {
	__u32 pid;
	__u32 tgid;
};

/* Arguments of a raw tracepoint or of a raw tracepoint test run. */
struct raw_args {
	__u64 args[2];
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct task_struct {
	int pid;
	int tgid;
	char comm[16];
};
#pragma clang attribute pop
