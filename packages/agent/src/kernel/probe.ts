import { randomBytes } from "node:crypto";
import { COUNTER, LAYOUT_HASH, STAGE, type Counter } from "@tcptracker/events";
import { BpfError, BpfObject, type BpfLink, type BpfMap, type BpfProgram } from "@tcptracker/libbpf";
import { MAPS, probeObject, type ProgramSet } from "@tcptracker/probes";
import { TapError } from "../errors.ts";
import type { ResolvedTapOptions } from "../options.ts";
import { leftoversOf, type Leftovers } from "./leftovers.ts";

/** Sums of the kernel's counters over all CPUs, by name. */
export type Counters = Readonly<Record<Counter, bigint>>;

/** A reader is woken when the buffer is an eighth full, and at every further eighth. */
const WAKEUP_FRACTION = 8;

/** A record that comes this long after the last wake-up, in milliseconds, is sent with one. */
const WAKEUP_INTERVAL = 10;

/** How long nothing must have come, in milliseconds, for the reader to rely on being woken (RingBufferReader). */
export const REST_AFTER: number = 4 * WAKEUP_INTERVAL;

/** The loaded and attached kernel side of a tap. */
export class Probe {
  readonly #object: BpfObject;
  readonly #links: BpfLink[];
  readonly #attached: readonly BpfProgram[];
  /** Which set of programs this kernel accepted: its hook's name. */
  readonly hook: string;

  private constructor(object: BpfObject, attached: readonly BpfProgram[], links: BpfLink[], hook: string) {
    this.#object = object;
    this.#attached = attached;
    this.#links = links;
    this.hook = hook;
  }

  /**
   * Loads and attaches the first set of programs that this kernel accepts.
   *
   * @throws {@link TapError} when there is none, or no permission
   */
  static open(options: ResolvedTapOptions): Probe {
    if (options.transport === "perfbuf")
      throw new TapError(
        "ERR_TAP_NOT_BUILT_IN",
        "the perf-buffer transport is not in this version of tcptracker; use --transport ringbuf or auto",
      );
    if (options.attach === "fexit" || options.attach === "kprobe")
      throw new TapError(
        "ERR_TAP_NOT_BUILT_IN",
        `the ${options.attach} strategy is not in this version of tcptracker; use --attach tracepoint or auto`,
      );
    const { path, programSets, identify } = probeObject("tracepoint");
    const refusals: unknown[] = [];
    const wanted = programSets.filter(({ kind }) => options.programs === "auto" || options.programs === kind);
    for (const set of wanted) {
      try {
        return Probe.#openSet(path, set, programSets, identify, options);
      } catch (error) {
        if (!(error instanceof BpfError)) throw error;
        refusals.push(error);
      }
    }
    throw asTapError(refusals);
  }

  static #openSet(
    path: string,
    set: ProgramSet,
    sets: readonly ProgramSet[],
    identify: string,
    options: ResolvedTapOptions,
  ): Probe {
    const others = sets
      .filter((other) => other !== set)
      .flatMap(({ hook, emit, gather, state, destroy }) => [hook, emit, gather, state, destroy]);
    const object = BpfObject.open(path, {
      name: "tcptracker",
      rodata: {
        snaplen: options.snaplen,
        wakeup_shift: Math.log2(options.bufferSize / WAKEUP_FRACTION),
        wakeup_interval: WAKEUP_INTERVAL * 1_000_000,
        connection_seed: randomBytes(8).readBigUInt64LE(),
      },
      maps: {
        [MAPS.ring]: { maxEntries: options.bufferSize },
        [MAPS.connections]: { maxEntries: options.maxConnections },
      },
      programs: Object.fromEntries(others.map((name) => [name, { autoload: false }])),
    });
    const links: BpfLink[] = [];
    try {
      checkLayout(object);
      object.load();
      // The programs must know whom to ignore before the first of them runs.
      object.program(identify).testRun({});
      const stages = object.map(MAPS.stages);
      const emit = object.program(set.emit);
      stages.setFd(STAGE.filter, emit);
      stages.setFd(STAGE.emit, emit);
      stages.setFd(STAGE.gather, object.program(set.gather));
      // Connections must be seen to end from the moment that the first one is seen.
      const attached = [set.state, set.destroy, set.hook].map((name) => object.program(name));
      for (const program of attached) links.push(program.attach());
      return new Probe(object, attached, links, set.hook);
    } catch (error) {
      for (const link of links) link.close();
      object.close();
      throw error;
    }
  }

  /** The ring buffer that the records come from. */
  get ring(): BpfMap {
    return this.#object.map(MAPS.ring);
  }

  /** Connections in the kernel's table. */
  countConnections(): number {
    return Array.from(this.#object.map(MAPS.connections).keys()).length;
  }

  /**
   * The records that the full ring refused: of connections that have ended since the last time and, once detached, of
   * those that have not.
   */
  *takeLeftovers(): Generator<Leftovers, void, undefined> {
    const unsent = this.#object.map(MAPS.unsent);
    for (const [id, entry] of unsent.entries()) {
      unsent.delete(id);
      yield leftoversOf(entry, true);
    }
    if (this.#links.length > 0) return;
    for (const [, entry] of this.#object.map(MAPS.connections).entries()) {
      const leftovers = leftoversOf(entry, false);
      if (leftovers.records > 0) yield leftovers;
    }
  }

  /** How often the kernel skipped a program because it was running on that CPU already: calls that were not seen. */
  countMissedRuns(): number {
    return this.#attached.reduce((sum, program) => sum + program.recursionMisses, 0);
  }

  /** One of the counters, summed over all CPUs. */
  counter(name: Counter): bigint {
    let sum = 0n;
    for (const value of this.#object.map(MAPS.counters).getPerCpu(COUNTER[name]) ?? [])
      sum += new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
    return sum;
  }

  counters(): Counters {
    const names = Object.keys(COUNTER) as Counter[];
    return Object.fromEntries(names.map((name) => [name, this.counter(name)])) as Record<Counter, bigint>;
  }

  /** Stops the programs; what they have written stays readable. */
  detach(): void {
    for (const link of this.#links.splice(0).toReversed()) link.close();
  }

  close(): void {
    this.detach();
    this.#object.close();
  }
}

/** Objects and decoder must have been made from the same event.h. */
function checkLayout(object: BpfObject): void {
  const bytes = object.readVariable("layout_hash");
  const hash = new DataView(bytes.buffer, bytes.byteOffset)
    .getBigUint64(0, true)
    .toString(16)
    .padStart(16, "0");
  if (hash !== LAYOUT_HASH)
    throw new TapError(
      "ERR_TAP_LAYOUT",
      `the eBPF objects write records of layout ${hash}, the decoder reads ${LAYOUT_HASH}; ` +
        "build @tcptracker/probes and @tcptracker/events from the same version",
    );
}

function asTapError(refusals: readonly unknown[]): TapError {
  const cause =
    refusals.length === 1 ? refusals[0] : new AggregateError(refusals, "every set of programs was refused");
  const last = refusals.at(-1);
  const reason = last instanceof Error ? last.message : String(last);
  if (last instanceof BpfError && last.code === "ERR_BPF_PERMISSION")
    return new TapError(
      "ERR_TAP_NOT_PERMITTED",
      `not permitted to load or attach eBPF programs; run as root or with CAP_BPF and CAP_PERFMON (${reason})`,
      { cause },
    );
  if (last instanceof BpfError && (last.code === "ERR_BPF_NOT_SUPPORTED" || last.code === "ERR_BPF_VERIFIER"))
    return new TapError("ERR_TAP_NOT_SUPPORTED", `this kernel does not accept the eBPF programs: ${reason}`, {
      cause,
    });
  return new TapError("ERR_TAP_KERNEL", reason, { cause });
}
