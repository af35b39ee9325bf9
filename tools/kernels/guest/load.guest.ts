// Loads every set of programs that a combination may use, under the load-time constants that the verifier sees: they are constants to
// it, so each value is a different program.
import { appendFileSync } from "node:fs";
import { basename } from "node:path";
import { expect, test } from "vitest";
import { attach } from "../../../packages/agent/src/kernel/attachment.ts";
import { candidatesFor, type Candidate } from "../../../packages/agent/src/kernel/candidates.ts";
import { resolveOptions, type TapOptions } from "../../../packages/agent/src/options.ts";
import { ioUringSupport } from "../../../packages/agent/src/kernel/io-uring.ts";
import { CHOICE } from "../../../packages/agent/test/kernel/support/environment.ts";
import type { VerifiedLine } from "../verified.ts";

const MIB = 1024 * 1024;

/**
 * The snap length decides which branches of emit exist: none of the payload, less than one size class, the default, all of it. The
 * buffer's size is seen as the shift of the wake-up rule; its smallest, and the largest that a machine of 1 GiB has room for, go
 * along with two of those. The interval is one constant, and the seed of the connection ids is random in each run: no branch depends
 * on either.
 */
const CONSTANTS: readonly (TapOptions & { readonly name: string })[] = [
  { name: "default" },
  { name: "snaplen 0", snaplen: 0, bufferSize: 262_144 },
  { name: "snaplen 64", snaplen: 64, bufferSize: 256 * MIB },
  { name: "snaplen 67108864", snaplen: 64 * MIB },
];

const quick = process.env["TCPTRACKER_TEST_SCENARIOS"] !== "all";
const output = process.env["TCPTRACKER_TEST_VERIFIED"];

/** A set of programs that a tap would use, and the ones it would try before. */
function candidates(options: TapOptions): Candidate[] {
  return candidatesFor(resolveOptions({ ...CHOICE, ...options }));
}

function load(candidate: Candidate, options: TapOptions, record: boolean): void {
  const { object, links, pageCache, ioUring } = attach(candidate, resolveOptions({ ...CHOICE, ...options }));
  try {
    // A tap does without these where the kernel refuses their programs; here that is a failure.
    expect(pageCache).toEqual({ seen: true });
    expect(ioUring).toEqual(ioUringSupport());
    if (!record || output === undefined) return;
    for (const program of object.programs.values()) {
      if (!program.autoload || program.verifiedInstructions === 0) continue;
      const line: VerifiedLine = {
        object: basename(candidate.object.path, ".bpf.o"),
        program: program.name,
        instructions: program.verifiedInstructions,
      };
      appendFileSync(output, `${JSON.stringify(line)}\n`);
    }
  } finally {
    for (const link of links) link.close();
    object.close();
  }
}

// What a tap takes is known to load by the other tests: a quick run only counts its instructions.
for (const { name, ...options } of quick ? CONSTANTS.slice(0, 1) : CONSTANTS)
  test(`some set of programs loads with ${name}`, { timeout: 120_000 }, () => {
    const refusals: unknown[] = [];
    let loaded = 0;
    for (const candidate of candidates(options)) {
      try {
        load(candidate, options, name === "default");
        loaded++;
        if (quick) break;
      } catch (error) {
        refusals.push(error);
        console.log(`${candidate.strategy} ${candidate.kind} with ${name}:`, error);
      }
    }
    expect(loaded, refusals.map(String).join("\n")).toBeGreaterThan(0);
  });
