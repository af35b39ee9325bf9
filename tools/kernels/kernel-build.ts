// A kernel without BPF ring buffers: there is none in Debian's archive any more whose other parts the programs can use.
import { createHash } from "node:crypto";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Apt } from "./apt.ts";
import { cached } from "./cache.ts";
import type { KernelImage } from "./kernel-image.ts";
import { HOST, type Architecture } from "./kernels.ts";
import { KernelsError, run } from "./run.ts";

/**
 * On top of tinyconfig: what boots from NVMe with ext4, runs Node.js and has what the programs hook and read. As in every
 * distribution, the description of a page takes 64 bytes (MEMCG), and the nodes of a file's index have 64 slots (BASE_FULL).
 */
const OPTIONS = `
  64BIT BASE_FULL SMP PRINTK TTY SERIAL_8250 SERIAL_8250_CONSOLE PCI ACPI PVH HYPERVISOR_GUEST PARAVIRT X86_X2APIC
  HIGH_RES_TIMERS NO_HZ_IDLE HZ_250 BUG MULTIUSER BLOCK BLK_DEV BLK_DEV_NVME EXT4_FS DEVTMPFS PROC_FS
  PROC_SYSCTL SYSFS SHMEM TMPFS DEBUG_FS BINFMT_ELF BINFMT_SCRIPT IA32_EMULATION COMPAT_32BIT_TIME POSIX_TIMERS FUTEX EPOLL
  EVENTFD SIGNALFD TIMERFD AIO ADVISE_SYSCALLS MEMBARRIER RSEQ FILE_LOCKING INOTIFY_USER UNIX98_PTYS NET UNIX
  INET IPV6 CGROUPS MEMCG CGROUP_BPF NAMESPACES PID_NS KALLSYMS KALLSYMS_ALL MODULES BPF BPF_SYSCALL BPF_JIT
  PERF_EVENTS FTRACE FUNCTION_TRACER DYNAMIC_FTRACE FTRACE_SYSCALLS KPROBES KPROBE_EVENTS BPF_EVENTS
  DEBUG_KERNEL DEBUG_INFO DEBUG_INFO_BTF
`
  .trim()
  .split(/\s+/);
const SWITCHED_OFF = ["DEBUG_INFO_REDUCED", "DEBUG_INFO_SPLIT", "MODULE_SIG", "CC_OPTIMIZE_FOR_SIZE"];

const MAP_TYPE = /^BPF_MAP_TYPE\(BPF_MAP_TYPE_RINGBUF,.*\n/m;
const RECIPE = [OPTIONS.join(" "), SWITCHED_OFF.join(" "), MAP_TYPE.source].join("\n");

function configure(source: string): void {
  run("make", ["-s", "tinyconfig"], { cwd: source });
  const lines = [
    ...OPTIONS.map((name) => `CONFIG_${name}=y`),
    ...SWITCHED_OFF.map((name) => `# CONFIG_${name} is not set`),
  ];
  writeFileSync(join(source, "fragment"), `${lines.join("\n")}\n`);
  run("scripts/kconfig/merge_config.sh", ["-m", ".config", "fragment"], { cwd: source });
  run("make", ["-s", "olddefconfig"], { cwd: source });
  const config = readFileSync(join(source, ".config"), "utf8").split("\n");
  const refused = OPTIONS.filter((name) => !config.includes(`CONFIG_${name}=y`));
  if (refused.length > 0)
    throw new KernelsError(`the kernel's configuration does not take ${refused.join(", ")}`);
}

function build(source: string): void {
  const header = join(source, "include/linux/bpf_types.h");
  const text = readFileSync(header, "utf8");
  if (!MAP_TYPE.test(text)) throw new KernelsError(`${header} has no ring buffer to take out`);
  writeFileSync(header, text.replace(MAP_TYPE, ""));
  configure(source);
  run("nice", ["make", "-s", `-j${availableParallelism()}`, "vmlinux"], { cwd: source, seconds: 3600 });
}

/** The kernel, built once for this version of Debian's source and this configuration: takes about six minutes. */
export async function buildKernel(
  apt: Apt,
  cache: string,
  packageName: string,
  architecture: Architecture,
): Promise<KernelImage> {
  const wanted = apt.describe(packageName, architecture);
  const recipe = createHash("sha256").update(RECIPE).update(wanted.sha256).digest("hex").slice(0, 16);
  const release = `${wanted.version.replace(/-.*/, "")}-noringbuf`;
  const place = join(cache, "images", `${release}-${recipe}`);
  await cached(place, async (directory) => {
    if (architecture !== HOST) throw new KernelsError(`${release} can be built on ${architecture} only`);
    console.error(`kernels: building ${release}, once; this takes some minutes`);
    const work = join(directory, "work");
    mkdirSync(work);
    await apt.download(wanted, work, (file) => {
      run("dpkg-deb", ["--extract", file, join(work, "package")]);
    });
    const archive = readdirSync(join(work, "package/usr/src")).find((name) =>
      /^linux-source.*\.tar/.test(name),
    );
    if (archive === undefined) throw new KernelsError(`${packageName} has no source`);
    run("tar", ["-x", "-C", work, "-f", join(work, "package/usr/src", archive)], { seconds: 600 });
    const source = readdirSync(work).find((name) => name.startsWith("linux-source-"));
    if (source === undefined) throw new KernelsError(`${archive} has no linux-source directory`);
    build(join(work, source));
    run("strip", ["--strip-debug", "-o", join(directory, "kernel"), join(work, source, "vmlinux")]);
    copyFileSync(join(work, source, ".config"), join(directory, "config"));
    rmSync(work, { recursive: true });
  });
  return { release, path: join(place, "kernel") };
}
