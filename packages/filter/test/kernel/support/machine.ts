import { COUNTER_COUNT, LAYOUT, STAGE } from "@tcptracker/events";
import { BpfMap, loadProgram, type RawBpfProgram } from "@tcptracker/libbpf";
import {
  Assembler,
  encode,
  type BpfProgramCode,
  type KernelPrograms,
  type PlannedMap,
} from "../../../src/index.ts";
import { inputBytes, type CallFacts } from "./input.ts";

/** What becomes of a call. */
export type Outcome = "emit" | "reject" | "lost";

/** What a program left in the call, and in the connection's entry. */
export interface Run {
  readonly outcome: Outcome;
  /** The generation in the record's header; 0 when no filter is said to have judged it. */
  readonly judge: number;
  readonly callVerdict: number;
  /** Undefined without an entry. */
  readonly connectionVerdict: number | undefined;
}

const STAGES = Object.keys(STAGE).length;
const CALL_SLOTS = 4;
const EMITTED = 11;
const REJECTED = 12;
const CONNECTION = LAYOUT.tt_connection;
const INPUT = LAYOUT.tt_filter_input;

function load(code: BpfProgramCode, maps: ReadonlyMap<string, BpfMap>): RawBpfProgram {
  const descriptors = new Map(Array.from(maps, ([name, map]) => [name, map.fd]));
  return loadProgram({ type: "raw_tracepoint", instructions: encode(code, descriptors), license: "GPL" });
}

/** Creates what a filter plans. */
export function createMap({ name, type, keySize, valueSize, maxEntries, flags, keys }: PlannedMap): BpfMap {
  const map = BpfMap.create({ type, keySize, valueSize, maxEntries, flags, name });
  for (const key of keys) map.set(key, new Uint8Array(valueSize));
  return map;
}

/** The programs and maps around a filter, as far as it can tell, and a way to run it: the filter's world in the kernel. */
export class Machine implements Disposable {
  readonly #maps = new Map<string, BpfMap>();
  readonly #programs: RawBpfProgram[] = [];
  readonly #owner: bigint;
  #filter: { maps: BpfMap[]; programs: RawBpfProgram[] } = { maps: [], programs: [] };

  constructor() {
    const create = (
      name: string,
      type: "hash" | "percpu_array" | "prog_array",
      sizes: [number, number, number],
    ): void => {
      const [keySize, valueSize, maxEntries] = sizes;
      this.#maps.set(name, BpfMap.create({ type, keySize, valueSize, maxEntries, name }));
    };
    create("calls", "percpu_array", [4, INPUT.size, CALL_SLOTS]);
    create("connections", "hash", [8, CONNECTION.size, 16]);
    create("counters", "percpu_array", [4, 8, COUNTER_COUNT]);
    create("stages", "prog_array", [4, 4, STAGES]);
    this.#owner = this.#ownThread();
    this.#setStage("emit", new Assembler().set(0, EMITTED).exit().finish());
    this.#setStage("reject", new Assembler().set(0, REJECTED).exit().finish());
    // The prefix is in its place already: on to what looks at it.
    this.#setStage(
      "prefix",
      new Assembler()
        .map(2, "stages")
        .set(3, STAGE.filter_payload)
        .call("tail_call")
        .set(0, 0)
        .exit()
        .finish(),
    );
  }

  /** Puts a filter's programs where they belong; what was there before is unloaded. */
  use(programs: KernelPrograms, sets: ReadonlyMap<string, readonly Uint8Array[]> = new Map()): void {
    this.#dropFilter();
    const maps = new Map(this.#maps);
    for (const plan of programs.maps) {
      const map = createMap(plan);
      this.#filter.maps.push(map);
      maps.set(plan.name, map);
      for (const key of sets.get(plan.set ?? "") ?? []) map.set(key, new Uint8Array(plan.valueSize));
    }
    this.#filter.programs.push(load(programs.filter, maps));
    if (programs.payload === undefined) return;
    const payload = load(programs.payload, maps);
    this.#filter.programs.push(payload);
    this.#map("stages").setFd(STAGE.filter_payload, payload);
  }

  /** Runs the filter on a call. Its connection's entry, unless left out, has the verdict given. */
  run(call: CallFacts, verdict: number | "no entry" = 0): Run {
    const slot = call.slot ?? 0;
    const written = inputBytes(call, this.#owner, verdict === "no entry" ? 0 : verdict);
    this.#writeCall(slot, written);
    for (let index = 0; index < slot; index++) this.#writeCall(index, inputBytes(call, 1n, 0));
    const key = new Uint8Array(new BigUint64Array([call.sock]).buffer);
    if (verdict === "no entry") this.#map("connections").delete(key);
    else this.#map("connections").set(key, connectionBytes(call, verdict));
    const [filter] = this.#filter.programs;
    if (filter === undefined) throw new Error("there is no filter");
    const { returnValue } = filter.testRun();
    const after = this.#readCall(slot, written);
    const entry = this.#map("connections").get(key);
    return {
      outcome: returnValue === EMITTED ? "emit" : returnValue === REJECTED ? "reject" : "lost",
      judge: after.getUint8(INPUT.fields.data.offset + LAYOUT.tt_record.fields.filter.offset),
      callVerdict: after.getUint32(INPUT.fields.verdict.offset, true),
      connectionVerdict:
        entry === undefined
          ? undefined
          : new DataView(entry.buffer).getUint32(CONNECTION.fields.verdict.offset, true),
    };
  }

  [Symbol.dispose](): void {
    this.#dropFilter();
    for (const program of this.#programs) program.close();
    for (const map of this.#maps.values()) map.close();
  }

  #map(name: string): BpfMap {
    const map = this.#maps.get(name);
    if (map === undefined) throw new Error(`there is no map ${name}`);
    return map;
  }

  #setStage(stage: keyof typeof STAGE, code: BpfProgramCode): void {
    const program = load(code, this.#maps);
    this.#programs.push(program);
    this.#map("stages").setFd(STAGE[stage], program);
  }

  #dropFilter(): void {
    for (const program of this.#filter.programs) program.close();
    for (const map of this.#filter.maps) map.close();
    this.#filter = { maps: [], programs: [] };
  }

  /** The same on all CPUs, because the program runs on any. */
  #writeCall(slot: number, bytes: Uint8Array): void {
    const calls = this.#map("calls");
    const cpus = calls.valueBytes / bytes.length;
    const all = new Uint8Array(calls.valueBytes);
    for (let cpu = 0; cpu < cpus; cpu++) all.set(bytes, cpu * bytes.length);
    calls.set(slot, all);
  }

  /** As the CPU has it that the program ran on: it is the only one on which something may have changed. */
  #readCall(slot: number, written: Uint8Array): DataView {
    const values = this.#map("calls").getPerCpu(slot) ?? [];
    const [changed] = [...values.filter((value) => Buffer.compare(value, written) !== 0), ...values];
    if (changed === undefined) throw new Error("no CPU has the call");
    return new DataView(changed.buffer, changed.byteOffset, changed.byteLength);
  }

  /** pid_tgid of this thread as programs see it. */
  #ownThread(): bigint {
    const code = new Assembler();
    const none = code.label("none");
    code.call("get_current_pid_tgid").move(6, 0).storeImmediate(10, -4, 0, 4);
    code
      .map(1, "counters")
      .move(2, 10)
      .arithmetic(2, "+", -4)
      .call("map_lookup_elem")
      .branch(0, "==", 0n, none);
    code.add(0, 0, 6).place(none).set(0, 0).exit();
    using program = load(code.finish(), this.#maps);
    program.testRun();
    const values = this.#map("counters").getPerCpu(0) ?? [];
    return values.reduce(
      (sum, value) => sum + new DataView(value.buffer, value.byteOffset).getBigUint64(0, true),
      0n,
    );
  }
}

function connectionBytes({ sock, connection }: CallFacts, verdict: number): Uint8Array {
  const bytes = new Uint8Array(CONNECTION.size);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(
    CONNECTION.fields.close.offset + LAYOUT.tt_record.fields.connection.offset,
    connection ?? sock,
    true,
  );
  view.setUint32(CONNECTION.fields.verdict.offset, verdict, true);
  return bytes;
}
