/* One program per way to attach; each counts its hits by this process into its slot. */
#include "minimal.h"

#include <bpf/bpf_core_read.h>

enum slot { SLOT_TRACEPOINT, SLOT_RAW, SLOT_BTF, SLOT_UPROBE, SLOT_URETPROBE, SLOT_KPROBE, SLOT_KSYSCALL, SLOT_FENTRY, SLOTS };

__u64 hits[SLOTS];
/* The process to count, as its own pid namespace (device and inode of /proc/self/ns/pid) numbers it. */
const volatile __u32 only_tgid = 0;
const volatile __u64 namespace_dev = 0;
const volatile __u64 namespace_ino = 0;

static __always_inline int hit(enum slot slot)
{
	struct bpf_pidns_info info = {};

	if (!bpf_get_ns_current_pid_tgid(namespace_dev, namespace_ino, &info, sizeof(info)) && info.tgid == only_tgid)
		__sync_fetch_and_add(&hits[slot], 1);
	return 0;
}

SEC("tp/syscalls/sys_enter_getppid")
int on_tracepoint(void *context) { return hit(SLOT_TRACEPOINT); }

SEC("raw_tp/sys_enter")
int on_raw(void *context) { return hit(SLOT_RAW); }

SEC("tp_btf/sys_enter")
int on_btf(void *context) { return hit(SLOT_BTF); }

SEC("uprobe")
int on_uprobe(void *context) { return hit(SLOT_UPROBE); }

SEC("uretprobe")
int on_uretprobe(void *context) { return hit(SLOT_URETPROBE); }

SEC("?kprobe/__x64_sys_getppid")
int on_kprobe(void *context) { return hit(SLOT_KPROBE); }

SEC("?ksyscall/getppid")
int on_ksyscall(void *context) { return hit(SLOT_KSYSCALL); }

SEC("?fentry/bpf_fentry_test1")
int on_fentry(void *context) { return hit(SLOT_FENTRY); }

SEC("?fexit.id/bpf_fentry_test1")
int on_id(void *context) { return hit(SLOT_FENTRY); }

/* For its BTF relocation: the name of the current task. */
char name[16];

SEC("raw_tp/test")
int read_name(void *context)
{
	struct task_struct *task = (void *)bpf_get_current_task();

	bpf_core_read_str(name, sizeof(name), &task->comm);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
