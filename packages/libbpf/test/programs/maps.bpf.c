/* A map of every kind the tests use, and a program that tail-calls through one of them. */
#include "minimal.h"

#define MAP(NAME, TYPE, KEY, VALUE, ENTRIES, FLAGS)                                                \
	struct {                                                                                   \
		__uint(type, TYPE);                                                                \
		__uint(max_entries, ENTRIES);                                                      \
		__uint(map_flags, FLAGS);                                                          \
		__type(key, KEY);                                                                  \
		__type(value, VALUE);                                                              \
	} NAME SEC(".maps")

struct prefix {
	__u32 bits;
	__u8 address[4];
};

MAP(hash, BPF_MAP_TYPE_HASH, __u32, __u64, 4096, 0);
MAP(wide_hash, BPF_MAP_TYPE_HASH, __u64[3], char[5], 512, BPF_F_NO_PREALLOC);
MAP(array, BPF_MAP_TYPE_ARRAY, __u32, __u32, 8, 0);
MAP(lru, BPF_MAP_TYPE_LRU_HASH, __u32, __u32, 64, 0);
MAP(percpu_hash, BPF_MAP_TYPE_PERCPU_HASH, __u32, __u32, 64, 0);
MAP(percpu_array, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, char[12], 4, 0);
MAP(trie, BPF_MAP_TYPE_LPM_TRIE, struct prefix, __u32, 64, BPF_F_NO_PREALLOC);

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 4);
	__uint(key_size, 0);
	__uint(value_size, 8);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 2);
	__uint(key_size, 4);
	__uint(value_size, 4);
} jumps SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 4);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps");

const volatile __u8 small = 7;
const volatile __s16 negative = -2;
const volatile bool enabled = false;
const volatile __u64 large = 0;
const volatile char label[8] = "initial";
int initialized = 42;
__u64 zeroed;

/* What each test run shows of the constants. */
struct seen {
	__u64 large;
	__s32 negative;
	__u8 small;
	__u8 enabled;
	char label[8];
} seen;

SEC("raw_tp/test")
int show(struct raw_args *context)
{
	seen.small = small;
	seen.negative = negative;
	seen.enabled = enabled;
	seen.large = large;
	for (int i = 0; i < 8; i++)
		seen.label[i] = label[i];
	zeroed += initialized;
	return small;
}

/* Increments this CPU's copies. */
SEC("raw_tp/test")
int count(struct raw_args *context)
{
	__u32 zero = 0, one = 1;
	__u32 *value = bpf_map_lookup_elem(&percpu_hash, &zero);

	if (value)
		(*value)++;
	else
		bpf_map_update_elem(&percpu_hash, &zero, &one, 0);
	return 0;
}

struct __sk_buff;

SEC("socket")
int jump(struct __sk_buff *packet)
{
	bpf_tail_call(packet, &jumps, 1);
	return 1;
}

SEC("socket")
int target(struct __sk_buff *packet) { return 1234; }

SEC("?raw_tp/test")
int optional(struct raw_args *context) { return 5; }

char LICENSE[] SEC("license") = "GPL";
