/** Reading the types of a compiled BPF object, through `bpftool btf dump`. */
import { execFileSync } from "node:child_process";

/** One type as bpftool prints it. Only what the layout needs. */
export interface BtfType {
  readonly id: number;
  readonly kind: string;
  readonly name: string;
  readonly size?: number;
  readonly type_id?: number;
  readonly nr_bits?: number;
  readonly nr_elems?: number;
  readonly encoding?: string;
  readonly members?: readonly BtfMember[];
  readonly values?: readonly { readonly name: string; readonly val: number }[];
}

/** One member of a structure. */
export interface BtfMember {
  readonly name: string;
  readonly type_id: number;
  readonly bits_offset: number;
  readonly bitfield_size?: number;
}

/** The layout cannot be read or cannot be expressed. The message says what to do. */
export class LayoutError extends Error {
  override readonly name = "LayoutError";
}

/** Not every PATH has the directories of root. */
const BPFTOOL_CANDIDATES = ["bpftool", "/usr/sbin/bpftool", "/usr/local/sbin/bpftool"];

/** All types of an object file, as bpftool gives them. Throws LayoutError. */
export function readBtf(objectPath: string): readonly BtfType[] {
  const output = runBpftool(["-j", "btf", "dump", "file", objectPath]);
  const parsed: unknown = JSON.parse(output);
  if (typeof parsed !== "object" || parsed === null || !("types" in parsed) || !Array.isArray(parsed.types)) {
    throw new LayoutError(`bpftool printed no types for ${objectPath}; is it compiled with -g?`);
  }
  return parsed.types as readonly BtfType[];
}

function runBpftool(args: readonly string[]): string {
  for (const command of BPFTOOL_CANDIDATES) {
    try {
      return execFileSync(command, args, {
        encoding: "utf8",
        maxBuffer: 64 << 20,
        stdio: ["ignore", "pipe", "pipe"],
      });
    } catch (error) {
      if (error instanceof Error && "code" in error && error.code === "ENOENT") continue;
      throw new LayoutError(`bpftool ${args.join(" ")} failed: ${reasonOf(error)}`, { cause: error });
    }
  }
  throw new LayoutError("bpftool is not installed; on Debian: apt install bpftool");
}

function reasonOf(error: unknown): string {
  if (error instanceof Error && "stdout" in error && "stderr" in error) {
    const said = `${String(error.stdout)} ${String(error.stderr)}`.trim();
    if (said !== "") return said;
  }
  return error instanceof Error ? error.message : String(error);
}
