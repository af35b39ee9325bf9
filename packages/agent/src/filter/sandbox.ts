import {
  COUNTER_COUNT,
  FILTER_LIMIT,
  LAYOUT,
  NETWORK,
  RECORD_TYPE,
  ROLE,
  STAGE,
  JOINED,
} from "@tcptracker/events";
import { Assembler, encode, type BpfProgramCode, type KernelPrograms } from "@tcptracker/filter";
import { BpfMap, loadProgram, type RawBpfProgram } from "@tcptracker/libbpf";
import { FilterMaps } from "./filter-maps.ts";

const INPUT = LAYOUT.tt_filter_input;
const CONNECTION = LAYOUT.tt_connection;
const SOCK = 1n;
/** A packet, which programs of this type are given and these do not look at. */
const PACKET = new Uint8Array(64);
/** Slots of the program array. */
const STAGES = 16;

/** Programs of a type that a test run repeats; what they may call is what filters call, from Linux 6.10 on. */
function load(code: BpfProgramCode, descriptors: ReadonlyMap<string, number>): RawBpfProgram {
  return loadProgram({ type: "socket_filter", instructions: encode(code, descriptors), license: "GPL" });
}

/** A call in the kernel that never was, with what a filter needs around it: for measuring what one costs. */
export class FilterSandbox implements Disposable {
  readonly #maps = new Map<string, BpfMap>();
  readonly #programs: RawBpfProgram[] = [];
  #filterMaps: FilterMaps | undefined;

  /** @throws BpfError when the kernel refuses maps or programs of this kind, or the process has no right to them */
  constructor(programs: KernelPrograms) {
    try {
      this.#create("calls", "percpu_array", 4, INPUT.size, FILTER_LIMIT.call_slots);
      this.#create("connections", "hash", 8, CONNECTION.size, 1);
      this.#create("counters", "percpu_array", 4, 8, COUNTER_COUNT);
      this.#create("stages", "prog_array", 4, 4, STAGES);
      this.#filterMaps = new FilterMaps(programs.maps);
      this.#writeCall();
      this.#setStage("prefix", tailCall("filter_payload"));
      if (programs.payload !== undefined) this.#setStage("filter_payload", programs.payload);
      this.#setStage("filter", programs.filter);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Nanoseconds that one run takes, the shortest of a few means.
   *
   * @param first - whether each run is the first one on its connection, on which all of the filter has to be decided
   */
  measure(first: boolean): number {
    const end = first ? forgetVerdict() : new Assembler().set(0, 0).exit().finish();
    this.#setStage("emit", end);
    this.#setStage("reject", end);
    const filter = this.#load(tailCall("filter"));
    const rounds = Array.from(
      { length: 5 },
      () => filter.testRun({ data: PACKET, repeat: 100_000 }).durationNs,
    );
    return Math.min(...rounds);
  }

  close(): void {
    for (const program of this.#programs) program.close();
    for (const map of this.#maps.values()) map.close();
    this.#filterMaps?.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #create(
    name: string,
    type: "hash" | "percpu_array" | "prog_array",
    keySize: number,
    valueSize: number,
    maxEntries: number,
  ): void {
    this.#maps.set(name, BpfMap.create({ type, keySize, valueSize, maxEntries, name }));
  }

  #map(name: string): BpfMap {
    const map = this.#maps.get(name);
    if (map === undefined) throw new RangeError(`there is no map ${name}`);
    return map;
  }

  #load(code: BpfProgramCode): RawBpfProgram {
    const shared = Array.from(this.#maps, ([name, map]) => [name, map.fd] as const);
    const program = load(code, new Map([...shared, ...(this.#filterMaps?.descriptors ?? [])]));
    this.#programs.push(program);
    return program;
  }

  #setStage(stage: keyof typeof STAGE, code: BpfProgramCode): void {
    this.#map("stages").setFd(STAGE[stage], this.#load(code));
  }

  /** On all CPUs, because the program runs on any. */
  #writeCall(): void {
    const calls = this.#map("calls");
    const call = exampleCall(this.#ownThread());
    const cpus = calls.valueBytes / call.length;
    const all = new Uint8Array(calls.valueBytes);
    for (let cpu = 0; cpu < cpus; cpu++) all.set(call, cpu * call.length);
    calls.set(0, all);
    this.#map("connections").set(
      new Uint8Array(new BigUint64Array([SOCK]).buffer),
      new Uint8Array(CONNECTION.size),
    );
  }

  /** pid_tgid of this thread as programs see it, also inside a pid namespace. */
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
    this.#load(code.finish()).testRun({ data: PACKET });
    let sum = 0n;
    for (const value of this.#map("counters").getPerCpu(0) ?? [])
      sum += new DataView(value.buffer, value.byteOffset).getBigUint64(0, true);
    return sum;
  }
}

function tailCall(stage: keyof typeof STAGE): BpfProgramCode {
  const code = new Assembler();
  return code.map(2, "stages").set(3, STAGE[stage]).call("tail_call").set(0, 0).exit().finish();
}

/** Ends a run such that the next one finds a connection that nothing is known of. */
function forgetVerdict(): BpfProgramCode {
  const code = new Assembler();
  const none = code.label("none");
  code.storeImmediate(10, -4, 0, 4).map(1, "calls").move(2, 10).arithmetic(2, "+", -4);
  code.call("map_lookup_elem").branch(0, "==", 0n, none);
  code.storeImmediate(0, INPUT.fields.verdict.offset, 0, 4).place(none).set(0, 0).exit();
  return code.finish();
}

/** 4 KiB of zeros, sent from 127.0.0.1 to 127.0.0.1. */
function exampleCall(owner: bigint): Uint8Array {
  const call = new Uint8Array(INPUT.size);
  const view = new DataView(call.buffer);
  const { tt_record: RECORD, tt_data: DATA } = LAYOUT;
  const data = INPUT.fields.data.offset;
  view.setUint8(data + RECORD.fields.type.offset, RECORD_TYPE.data);
  view.setUint8(data + RECORD.fields.role.offset, ROLE.client);
  view.setUint8(data + RECORD.fields.joined.offset, JOINED.start);
  view.setUint8(data + RECORD.fields.network.offset, NETWORK.ipv4);
  for (const { offset } of [RECORD.fields.local_address, RECORD.fields.remote_address])
    call.set([0xff, 0xff, 127, 0, 0, 1], data + offset + 10);
  view.setBigUint64(data + DATA.fields.size.offset, 4096n, true);
  view.setBigUint64(INPUT.fields.owner.offset, owner, true);
  view.setBigUint64(INPUT.fields.sock.offset, SOCK, true);
  view.setUint32(INPUT.fields.prefix_length.offset, INPUT.fields.prefix.size / 2, true);
  return call;
}
