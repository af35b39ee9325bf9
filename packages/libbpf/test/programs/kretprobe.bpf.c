/* Counts what it is attached to, for every process. */
#include "minimal.h"

__u64 returns = 0;

SEC("?kretprobe")
int on_return(void *context)
{
	__sync_fetch_and_add(&returns, 1);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
