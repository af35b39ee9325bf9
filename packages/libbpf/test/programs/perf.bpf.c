/*
 * Fills a perf event array on demand: each test run of `produce` sends `count` records of `length` bytes from the CPU it
 * runs on: number, key, length, CPU, and then what user space put into `scratch`.
 */
#include "minimal.h"

#define BPF_MAP_TYPE_PERF_EVENT_ARRAY 4
#define BPF_F_CURRENT_CPU 0xffffffffULL

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
	__uint(max_entries, 1);
} narrow SEC(".maps");

#define MAX_LENGTH 131072

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[MAX_LENGTH]);
} scratch SEC(".maps");

__u64 sequence = 0;
__u64 refused = 0;
/* The last error of bpf_perf_event_output. */
__s64 error = 0;
__u32 length = 64;
/* Key of the next record, and what the one after it has more; 0: the time. */
__u64 next_key = 0;
__s64 key_step = 1;
/* Every so many records there are two whose keys are swapped; 0: never. */
__u32 swap_every = 0;
/* Said to be the length instead of the true one; 0: the true one. */
__u32 claimed = 0;

struct head {
	__u64 number;
	__u64 key;
	__u32 length;
	__u32 cpu;
};

static __u64 key_of(__u32 i)
{
	if (!next_key)
		return bpf_ktime_get_ns();
	if (swap_every && i % swap_every == 0)
		return next_key + key_step;
	if (swap_every && i % swap_every == 1)
		return next_key - key_step;
	return next_key;
}

static long send(void *context, __u32 i)
{
	__u32 zero = 0;
	char *record = bpf_map_lookup_elem(&scratch, &zero);
	struct head *head = (void *)record;
	__u32 size = length;
	long result;

	if (!record || size > MAX_LENGTH)
		return 1;
	barrier_var(size);
	if (size < sizeof(*head))
		return 1;
	head->number = sequence;
	head->key = key_of(i);
	head->length = claimed ? claimed : size;
	head->cpu = bpf_get_smp_processor_id();
	result = bpf_perf_event_output(context, &events, BPF_F_CURRENT_CPU, record, size);
	if (result) {
		refused++;
		error = result;
	}
	sequence++;
	if (next_key)
		next_key += key_step;
	return 0;
}

/* args[0]: how many, at most 1000 (the verifier walks the whole loop). */
SEC("raw_tp/test")
int produce(struct raw_args *context)
{
	__u64 count = context->args[0];

	for (__u32 i = 0; i < 1000; i++) {
		if (i >= count)
			break;
		if (send(context, i))
			return 1;
	}
	return 0;
}

/* Per CPU: how many system calls `on_call` has told of. */
__u64 calls[256];
/* 0: off. */
bool tell = false;

/* Tells of every system call of the machine: number on its CPU, time, length, CPU. */
SEC("raw_tp/sys_enter")
int on_call(void *context)
{
	struct head head = { .length = sizeof(head), .cpu = bpf_get_smp_processor_id() };

	if (!tell)
		return 0;
	head.number = calls[head.cpu & 255]++;
	head.key = bpf_ktime_get_ns();
	bpf_perf_event_output(context, &events, BPF_F_CURRENT_CPU, &head, sizeof(head));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
