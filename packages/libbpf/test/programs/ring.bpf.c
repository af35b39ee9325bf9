/*
 * Fills ring buffers on demand: each test run of `produce` submits `count` records of `length` bytes: the record's
 * number, its length, and then what user space put into `scratch`.
 */
#include "minimal.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 16);
} second SEC(".maps");

#define MAX_LENGTH 262144

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, char[MAX_LENGTH]);
} scratch SEC(".maps");

__u64 sequence = 0;
__u64 refused = 0;
__u32 length = 64;
__u64 flags = 0;
bool to_second = false;

static long submit(__u32 unused, void *context)
{
	__u32 zero = 0;
	char *record = bpf_map_lookup_elem(&scratch, &zero);
	__u32 size = length;

	/* The barriers keep clang from merging the checks into one that the verifier cannot follow. */
	if (!record || size > MAX_LENGTH)
		return 1;
	barrier_var(size);
	if (size < 16)
		return 1;
	((__u64 *)record)[0] = sequence;
	((__u64 *)record)[1] = size;
	if (to_second ? bpf_ringbuf_output(&second, record, size, flags) :
			bpf_ringbuf_output(&ring, record, size, flags))
		refused++;
	else
		sequence++;
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
		if (submit(i, 0))
			return 1;
	}
	return 0;
}

/* Reserves and discards, which leaves a hole that a reader must step over. */
SEC("raw_tp/test")
int discard(struct raw_args *context)
{
	void *record = bpf_ringbuf_reserve(&ring, 64, 0);

	if (!record)
		return 1;
	bpf_ringbuf_discard(record, BPF_RB_NO_WAKEUP);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
