// Virtual machines: QEMU without KVM, so that it runs wherever it is installed.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Architecture } from "./kernels.ts";

/** The guest's last word before it powers off. */
export const END_MARKER = "@@tcptracker-end@@";

export interface MachineOptions {
  readonly architecture: Architecture;
  readonly kernel: string;
  /** An ext4 image; what the guest writes is in it. */
  readonly root: string;
  /** Where the console's output goes. */
  readonly console: string;
  readonly seconds: number;
  /** Called with each line of progress (`== …`) of the console. */
  readonly onProgress: (line: string) => void;
}

export interface MachineResult {
  /** Whether the guest came to the end of its plan. */
  readonly ended: boolean;
  readonly seconds: number;
  /** Why it did not. */
  readonly problem?: string;
}

/**
 * thread=single: with one thread for each virtual CPU, about one boot in 120 crashed early. icount: the guest's clock counts
 * instructions (one is a nanosecond), so that neither emulation nor a busy host makes the guest look slow to itself: deadlines,
 * time slices and preemption are those of a machine of 1 GHz.
 */
const ACCELERATOR = ["-accel", "tcg,thread=single,tb-size=512", "-icount", "shift=0"];
/**
 * cx16: QEMU 7.2 leaves wrong bits in the flags after a cmpxchg16b: `popf; add; xor with memory; cmpxchg16b; pushf` shows those of the
 * sum's operand each time. An interrupt that comes right behind it saves them, and the return from it is a double fault. The kernel's
 * allocator uses the instruction where it is there.
 */
const PROCESSOR = "max,-cx16";
const SMALL = "-display none -vga none -nic none -no-reboot -monitor none".split(" ");

function qemuArguments({ architecture, kernel, root, console }: MachineOptions): [string, string[]] {
  const drive = [
    "-drive",
    `file=${root},if=none,id=r,format=raw,cache=unsafe`,
    "-device",
    "nvme,drive=r,serial=r",
  ];
  const tty = architecture === "amd64" ? "ttyS0" : "ttyAMA0";
  const append = [
    `console=${tty} quiet root=/dev/nvme0n1 rootfstype=ext4 rw init=/init panic=-1 mitigations=off maxcpus=1`,
    "lsm=lockdown,yama,apparmor,bpf",
  ].join(" ");
  const common = [
    "-smp",
    "2",
    "-m",
    "1G",
    "-serial",
    `file:${console}`,
    "-kernel",
    kernel,
    ...drive,
    "-append",
    append,
  ];
  return architecture === "amd64"
    ? ["qemu-system-x86_64", [...ACCELERATOR, "-cpu", PROCESSOR, ...SMALL, ...common]]
    : [
        "qemu-system-aarch64",
        [...ACCELERATOR, "-M", "virt,gic-version=3", "-cpu", "cortex-a72", ...SMALL, ...common],
      ];
}

function readConsole(path: string): string {
  return existsSync(path) ? readFileSync(path, "latin1") : "";
}

/** Starts a machine and waits until it is off, or kills it when its time is over. */
export async function runMachine(options: MachineOptions): Promise<MachineResult> {
  const started = performance.now();
  const [command, args] = qemuArguments(options);
  const child = spawn("nice", ["-n", "1", command, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said += text));
  const stop = new AbortController();
  const closed = once(child, "close").finally(() => {
    stop.abort();
  });
  // An exception below must not leave a machine behind.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  let shown = 0;
  let late = false;
  let crash: string | undefined;
  const report = (): void => {
    const lines = readConsole(options.console).split(/\r*\n/).slice(0, -1);
    for (const line of lines.slice(shown)) {
      if (line.startsWith("== ")) options.onProgress(line.slice(3));
      crash ??= crashOf(line);
    }
    shown = lines.length;
  };
  while (!stop.signal.aborted) {
    await delay(500, undefined, { signal: stop.signal }).catch(() => undefined);
    report();
    late = performance.now() - started >= options.seconds * 1000;
    if (!late && crash === undefined) continue;
    // The rest of what the kernel says.
    if (crash !== undefined) await delay(2_000);
    kill();
    break;
  }
  await closed;
  process.off("exit", kill);
  report();
  const seconds = (performance.now() - started) / 1000;
  if (readConsole(options.console).includes(END_MARKER)) return { ended: true, seconds };
  if (crash !== undefined) return { ended: false, seconds, problem: `its kernel crashed: ${crash}` };
  const problem = late ? `it was not done within ${options.seconds} s` : said.trim() || "it stopped early";
  return { ended: false, seconds, problem };
}

/** What a kernel says first when it is done for: programs that wait for it would wait for hours. */
export function crashOf(line: string): string | undefined {
  return /^\[ *\d+\.\d+\] ((?:BUG:|Oops:|Kernel panic|general protection fault|Unable to handle kernel|Internal error:).*)/.exec(
    line,
  )?.[1];
}
