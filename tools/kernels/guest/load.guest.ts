// Loads every set of programs that a combination may use, under the load-time constants that the verifier sees: they are constants to
// it, so each value is a different program. Each set must load, or be refused as ../expectations.ts says.
import { appendFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { BpfError } from "@tcptracker/libbpf";
import { probeObject, type AttachStrategy } from "@tcptracker/probes";
import { attach, type Attachment } from "../../../packages/agent/src/kernel/attachment.ts";
import { candidatesFor, STRATEGIES, type Candidate } from "../../../packages/agent/src/kernel/candidates.ts";
import { resolveOptions, type TapOptions } from "../../../packages/agent/src/options.ts";
import { ioUringSupport } from "../../../packages/agent/src/kernel/io-uring.ts";
import { CHOICE } from "../../../packages/agent/test/kernel/support/environment.ts";
import { findExclusion, transportOn, type ObjectSet, type Refusal } from "../expectations.ts";
import { HOST } from "../kernels.ts";
import type { VerifiedLine } from "../verified.ts";

const MIB = 1024 * 1024;

/**
 * The snap length decides which branches of emit exist: none of the payload, less than one size class, the default, all of it. The
 * buffer's size is seen as the shift of the wake-up rule; its smallest, and the largest that a machine of 1 GiB has room for, go
 * along with two of those. So do the second copies, with the constant that the first ones see of them: it is read where a hook
 * begins, which does no more with the snap length than pass it on. The interval is one constant, and the seed of the connection ids is
 * random in each run: no branch depends on either.
 */
const CONSTANTS: readonly (TapOptions & { readonly name: string })[] = [
  { name: "default" },
  { name: "snaplen 0, no second copies", snaplen: 0, bufferSize: 262_144, secondCopies: "never" },
  { name: "snaplen 64, second copies", snaplen: 64, bufferSize: 256 * MIB, secondCopies: "always" },
  { name: "snaplen 67108864", snaplen: 64 * MIB },
];

const quick = process.env["TCPTRACKER_TEST_SCENARIOS"] !== "all";
const output = process.env["TCPTRACKER_TEST_VERIFIED"];
const kernel = process.env["TCPTRACKER_TEST_KERNEL"] ?? "";

/** How the names of the second copies end (turns.bpf.h). */
const SECOND_COPY = "_again";

/** A set, and how it is loaded. */
interface Case {
  readonly name: string;
  readonly set: ObjectSet;
  readonly options: TapOptions;
  /** Whether it is what a tap without options loads. */
  readonly usual: boolean;
}

/** Every set that there is for the combination, whether or not a tap would try it on this kernel. */
function sets(): ObjectSet[] {
  const transport = transportOn(kernel, HOST, CHOICE.transport ?? "auto");
  const setsOf = (strategy: AttachStrategy): ObjectSet[] =>
    probeObject({ strategy, transport, atomics: true }).programSets.map(({ state }) => ({
      strategy,
      transport,
      state,
    }));
  return STRATEGIES.filter((one) => CHOICE.attach === "auto" || CHOICE.attach === one).flatMap(setsOf);
}

function candidateFor(set: ObjectSet, options: TapOptions): Candidate | undefined {
  return candidatesFor(resolveOptions(options)).find(
    (one) => one.strategy === set.strategy && one.transport === set.transport && one.set.state === set.state,
  );
}

function casesOf(set: ObjectSet): Case[] {
  return CONSTANTS.map(({ name, ...options }) => ({
    name: `${set.strategy} (${set.state}) with ${name}`,
    set,
    options: { ...CHOICE, ...options },
    usual: name === "default",
  }));
}

/** A tap does without some programs where the kernel refuses them; here that is a failure. */
function expectWhole(
  { object, programs, hooks, pageCache, ioUring }: Attachment,
  candidate: Candidate,
): void {
  expect(pageCache).toEqual({ seen: true });
  expect(ioUring).toEqual(ioUringSupport());
  expect(hooks.filter(({ reason, unknown }) => reason !== undefined && unknown !== true)).toEqual([]);
  const attached = new Set(programs.map(({ name }) => name));
  const copies = hooks
    .filter(({ reason }) => reason === undefined)
    .map(({ program }) => program + SECOND_COPY)
    .filter((copy) => object.programs.has(copy));
  expect(copies.filter((copy) => attached.has(copy))).toEqual(candidate.doubledHooks ? copies : []);
}

function record({ object }: Attachment, candidate: Candidate): void {
  if (output === undefined) return;
  for (const program of object.programs.values()) {
    if (!program.autoload || program.verifiedInstructions === 0) continue;
    const line: VerifiedLine = {
      object: basename(candidate.object.path, ".bpf.o"),
      program: program.name,
      instructions: program.verifiedInstructions,
    };
    appendFileSync(output, `${JSON.stringify(line)}\n`);
  }
}

/** What became of a set: it was loaded, a tap does not even try it, or the kernel refused it. */
type Outcome = "loaded" | "not tried" | BpfError;

/** Loads and attaches it; throws when it is not whole. */
function load({ set, options, usual }: Case): Outcome {
  const candidate = candidateFor(set, options);
  if (candidate === undefined) return "not tried";
  let attachment: Attachment;
  try {
    attachment = attach(candidate, resolveOptions(options));
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  try {
    expectWhole(attachment, candidate);
    if (usual) record(attachment, candidate);
  } finally {
    for (const link of attachment.links) link.close();
    attachment.object.close();
  }
  return "loaded";
}

function expectRefusal(outcome: Outcome, refusal: Refusal | undefined): void {
  if (outcome === "loaded") throw new Error("it loads, though expectations.ts says that it does not");
  if (outcome === "not tried")
    expect(refusal, "not tried, though the kernel should be asked").toBeUndefined();
  else expect({ code: outcome.code, errnoName: outcome.errnoName }, outcome.message).toEqual(refusal);
}

/** What a tap takes is known to work by the other tests: a quick run only counts its instructions. */
function quickCases(): Case[] {
  const all = sets();
  const taken = all.findIndex((set) => findExclusion(kernel, HOST, set) === undefined);
  return all
    .slice(0, taken + 1)
    .flatMap(casesOf)
    .filter(({ usual }) => usual);
}

for (const one of quick ? quickCases() : sets().flatMap(casesOf)) {
  const exclusion = findExclusion(kernel, HOST, one.set);
  test(
    `${one.name}: ${exclusion === undefined ? "loads" : `is refused (${exclusion.reason})`}`,
    { timeout: 120_000 },
    () => {
      const outcome = load(one);
      if (exclusion !== undefined) expectRefusal(outcome, exclusion.refusal);
      else if (outcome !== "loaded") throw new Error("it should load on this kernel", { cause: outcome });
    },
  );
}
