import { existsSync, readFileSync } from "node:fs";

import { BpfError } from "./errors.ts";
import { invoke } from "./invoke.ts";
import { btfKindNumber } from "./names.ts";
import type { BpfProgram } from "./program.ts";
import { openTracefs } from "./tracefs.ts";

/** What a program attaches to: a kernel function, a raw tracepoint (also tp_btf), a tracepoint, a system call. */
export type TargetKind = "function" | "raw_tracepoint" | "tracepoint" | "syscall";

/** A program of an object, and what it is for. */
export interface BpfTarget {
  /** The program's name. */
  program: string;
  /** Its ELF section, e.g. "fexit/tcp_sendmsg". */
  section: string;
  /** Undefined for sections that name nothing in the kernel: "uprobe", "socket", or one without a name behind it. */
  kind: TargetKind | undefined;
  /** The function, system call or raw tracepoint, or "category/name" of a tracepoint. */
  name: string | undefined;
  /**
   * Whether the running kernel has it, from its BTF and symbols, and tracefs; undefined when that cannot be told. Having it
   * does not mean that it may be attached to.
   */
  exists: boolean | undefined;
}

const kinds: Record<string, TargetKind> = {
  kprobe: "function",
  kretprobe: "function",
  fentry: "function",
  fexit: "function",
  fmod_ret: "function",
  lsm: "function",
  tp_btf: "raw_tracepoint",
  raw_tp: "raw_tracepoint",
  raw_tracepoint: "raw_tracepoint",
  tp: "tracepoint",
  tracepoint: "tracepoint",
  ksyscall: "syscall",
  kretsyscall: "syscall",
};

const syscallPrefixes = [`__${process.arch === "arm64" ? "arm64" : "x64"}_sys_`, "__se_sys_", "sys_"];

/** Names in the kernel's BTF, or any of them, that show that the target exists. */
function btfNames(section: string, kind: TargetKind, name: string): string[] {
  if (kind === "raw_tracepoint") return [`btf_trace_${name}`];
  if (kind === "syscall") return syscallPrefixes.map((prefix) => prefix + name);
  // "function+0x10" is a place within a function.
  const [fn = name] = name.split("+");
  return [section.startsWith("lsm") ? `bpf_lsm_${fn}` : fn];
}

/** Which of these types the kernel's BTF has; undefined when it has no BTF. */
function findInBtf(wanted: readonly { name: string; kind: "func" | "typedef" }[]): Set<string> | undefined {
  const operation = "look for attach targets in the kernel's BTF";
  try {
    const ids = invoke(operation, "ERR_BPF_NOT_SUPPORTED", (native) =>
      native.kernelBtfIds(
        wanted.map(({ name }) => name),
        wanted.map(({ kind }) => btfKindNumber(operation, kind)),
      ),
    );
    return new Set(wanted.filter((_, index) => (ids[index] ?? -1) >= 0).map(({ name }) => name));
  } catch (error) {
    if (error instanceof BpfError && error.code !== "ERR_BPF_ADDON") return undefined;
    throw error;
  }
}

/** Whether the kernel has one of these functions; BTF does not know all that a kprobe can be put on. */
function findInSymbols(symbols: () => string | undefined, names: readonly string[]): boolean | undefined {
  const text = symbols();
  if (text === undefined) return undefined;
  return names.some((name) => new RegExp(` [tTwW] ${name.replace(/[^\w]/g, "\\$&")}(\\s|$)`, "m").test(text));
}

function tracepointExists(name: string): boolean | undefined {
  try {
    return existsSync(`${openTracefs()}/events/${name}/id`);
  } catch (error) {
    if (error instanceof BpfError && error.code !== "ERR_BPF_ADDON") return undefined;
    throw error;
  }
}

/** @internal See {@link BpfObject.targets}. */
export function findTargets(programs: Iterable<BpfProgram>): BpfTarget[] {
  const targets = [...programs].map((program): BpfTarget => {
    const { section, target: name } = program;
    const kind = kinds[/^\??([^/.]+)/.exec(section)?.[1] ?? ""];
    return {
      program: program.name,
      section,
      kind: name === undefined ? undefined : kind,
      name,
      exists: undefined,
    };
  });
  const wanted = targets.flatMap(({ section, kind, name }) =>
    kind === undefined || name === undefined || kind === "tracepoint"
      ? []
      : btfNames(section.replace(/^\?/, ""), kind, name).map((found) => ({
          name: found,
          kind: kind === "raw_tracepoint" ? ("typedef" as const) : ("func" as const),
        })),
  );
  const known = wanted.length === 0 ? new Set<string>() : findInBtf(wanted);
  let text: string | undefined;
  const symbols = (): string | undefined => (text ??= readSymbols());
  for (const target of targets) target.exists = exists(target, known, symbols);
  return targets;
}

function exists(
  { section, kind, name }: BpfTarget,
  known: ReadonlySet<string> | undefined,
  symbols: () => string | undefined,
): boolean | undefined {
  if (kind === undefined || name === undefined) return undefined;
  if (kind === "tracepoint") return tracepointExists(name);
  const plain = section.replace(/^\?/, "");
  const names = btfNames(plain, kind, name);
  if (known !== undefined && names.some((one) => known.has(one))) return true;
  if (kind === "raw_tracepoint") return known === undefined ? undefined : false;
  // fentry, fexit and lsm programs attach by BTF; without it they do not at all.
  if (!/^k(ret)?(probe|syscall)/.test(plain)) return false;
  return findInSymbols(symbols, names);
}

function readSymbols(): string | undefined {
  try {
    return readFileSync("/proc/kallsyms", "latin1");
  } catch {
    return undefined;
  }
}
