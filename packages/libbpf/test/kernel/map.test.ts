import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

import { BpfError, BpfMap, BpfObject, features, UpdateFlag, type MapType } from "../../src/index.ts";
import { object } from "../compile.ts";
import { describeAsRoot, rawArguments, readU32, readU64, u32, u64 } from "./support.ts";

function loaded(): BpfObject {
  const opened = BpfObject.open(object("maps"));
  opened.load();
  return opened;
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return `${error.code} ${error.errnoName ?? ""}`.trim();
    throw error;
  }
  return "nothing was thrown";
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const pack = (values: number[]): Uint8Array => new Uint8Array(Uint32Array.from(values).buffer);
const sorted = (keys: Iterable<Uint8Array>): number[] =>
  [...keys].map((key) => readU32(key)).sort((a, b) => a - b);

describeAsRoot("hash maps", () => {
  test("get, set, delete, take, flags", () => {
    using opened = loaded();
    const map = opened.map("hash");
    expect([map.type, map.keySize, map.valueSize, map.valueBytes, map.maxEntries]).toEqual([
      "hash",
      4,
      8,
      8,
      4096,
    ]);
    expect(map.get(1)).toBeUndefined();
    map.set(1, u64(11));
    map.set(u32(2), u64(22), { flags: UpdateFlag.NoExist });
    expect(codeOf(() => map.set(2, u64(0), { flags: UpdateFlag.NoExist }))).toBe("ERR_BPF_MAP EEXIST");
    expect(codeOf(() => map.set(3, u64(0), { flags: UpdateFlag.Exist }))).toBe("ERR_BPF_MAP ENOENT");
    expect(readU64(map.get(1))).toBe(11n);
    expect(map.delete(1)).toBe(true);
    expect(map.delete(1)).toBe(false);
    expect(readU64(map.take(2))).toBe(22n);
    expect(map.take(2)).toBeUndefined();
  });

  test("wrong sizes are refused before the kernel sees them", () => {
    using opened = loaded();
    const map = opened.map("hash");
    const invalid = "ERR_BPF_INVALID_ARGUMENT";
    expect(codeOf(() => map.get(new Uint8Array(3)))).toBe(invalid);
    expect(codeOf(() => map.get(2 ** 32))).toBe(invalid);
    expect(codeOf(() => map.get(-1))).toBe(invalid);
    expect(codeOf(() => map.set(1, new Uint8Array(7)))).toBe(invalid);
    expect(codeOf(() => opened.map("wide_hash").get(1))).toBe(invalid);
    expect(codeOf(() => map.setBatch(pack([1, 2]), u64(1)))).toBe(invalid);
    expect(codeOf(() => map.getPerCpu(1))).toBe(invalid);
  });

  test.each(["hash", "wide_hash", "lru", "percpu_hash", "trie"])("iterate and clear: %s", (name) => {
    using opened = loaded();
    const map = opened.map(name);
    const count = 50;
    for (const index of numbers(count)) {
      const key = new Uint8Array(map.keySize);
      key.set(u32(name === "trie" ? 32 : index));
      if (name === "trie") key[7] = index;
      map.set(key, new Uint8Array(map.valueBytes).fill(index));
    }
    const entries = [...map.entries()];
    expect(entries).toHaveLength(count);
    for (const [key, value] of entries) expect(map.get(key)).toEqual(value);
    expect(new Set([...map.keys()].map(String)).size).toBe(count);
    expect(map.clear()).toBe(count);
    expect([...map.keys()]).toEqual([]);
    expect(map.clear()).toBe(0);
  });

  test("changing the map while iterating ends and gives nothing twice", () => {
    using opened = loaded();
    const map = opened.map("hash");
    for (const key of numbers(1000)) map.set(key, u64(key));
    const seen: number[] = [];
    for (const [key] of map.entries()) {
      seen.push(readU32(key));
      map.delete(key);
      if (seen.length <= 500) map.set(100_000 + seen.length, u64(0));
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((key) => key < 1000).length).toBe(1000);
  });

  test("batches: everything, once, in any batch size", () => {
    using opened = loaded();
    const map = opened.map("hash");
    const keys = numbers(3000);
    map.setBatch(pack(keys), new Uint8Array(BigUint64Array.from(keys, (key) => BigInt(key) * 2n).buffer));
    for (const count of [1, 7, 4096]) {
      const found = new Map<number, bigint>();
      let cursor: Uint8Array | undefined;
      do {
        const batch = map.getBatch({ cursor, count });
        for (const index of numbers(batch.count)) {
          found.set(readU32(batch.keys, index * 4), readU64(batch.values, index * 8));
        }
        cursor = batch.cursor;
      } while (cursor !== undefined);
      expect(found.size).toBe(3000);
      for (const [key, value] of found) expect(value).toBe(BigInt(key) * 2n);
    }
    const taken = map.takeBatch({ count: 1 << 30 });
    expect(taken.count + [...map.keys()].length).toBe(3000);
    expect(codeOf(() => map.getBatch({ cursor: new Uint8Array(1) }))).toBe("ERR_BPF_INVALID_ARGUMENT");
  });
});

describeAsRoot("other maps", () => {
  // Elements take memory when they are made (BPF_F_NO_PREALLOC).
  const large = { type: "hash", keySize: 4, valueSize: 1 << 20, flags: 1 } as const;

  test("a batch larger than the map takes no more memory than the map", () => {
    using map = BpfMap.create({ ...large, name: "few", maxEntries: 4 });
    map.set(u32(1), new Uint8Array(1 << 20).fill(7));
    const { count, values } = map.getBatch({ count: 1 << 20 });
    expect([count, values.byteLength, values.at(-1)]).toEqual([1, 1 << 20, 7]);
  });

  test("a batch that needs more memory than there is", (context) => {
    if (readFileSync("/proc/sys/vm/overcommit_memory", "utf8").trim() === "1")
      context.skip("vm.overcommit_memory is 1: this kernel promises any memory");
    using map = BpfMap.create({ ...large, name: "huge", maxEntries: 1 << 20 });
    expect(() => map.getBatch({ count: 1 << 20 })).toThrow(
      expect.objectContaining({ code: "ERR_BPF_MAP", errnoName: "ENOMEM" }),
    );
    expect(map.getBatch({ count: 8 }).count).toBe(0);
  });

  test("array", () => {
    using opened = loaded();
    const map = opened.map("array");
    map.set(7, u32(70));
    expect(readU32(map.get(7))).toBe(70);
    expect(map.get(8)).toBeUndefined();
    expect(sorted(map.keys())).toEqual(numbers(8));
    expect(codeOf(() => map.delete(1))).toBe("ERR_BPF_MAP EINVAL");
  });

  test("per CPU", () => {
    using opened = loaded();
    const cpus = features.possibleCpus();
    const map = opened.map("percpu_hash");
    expect(map.getPerCpu(0)).toBeUndefined();
    for (let i = 0; i < 20; i++) opened.program("count").testRun({ context: rawArguments() });
    const sum = map.getPerCpu(0)?.reduce((total, value) => total + readU32(value), 0);
    expect(sum).toBe(20);
    map.setPerCpu(
      5,
      numbers(cpus).map((cpu) => u32(cpu + 100)),
    );
    expect(map.getPerCpu(5)?.map((value) => readU32(value))).toEqual(numbers(cpus).map((cpu) => cpu + 100));
    expect(codeOf(() => map.setPerCpu(5, []))).toBe("ERR_BPF_INVALID_ARGUMENT");
    const wide = opened.map("percpu_array");
    expect([wide.valueSize, wide.valueBytes]).toEqual([12, 16 * cpus]);
    expect(wide.getPerCpu(3)).toHaveLength(cpus);
  });

  test("longest prefix match", () => {
    using opened = loaded();
    const map = opened.map("trie");
    map.set(Uint8Array.of(8, 0, 0, 0, 10, 0, 0, 0), u32(8));
    map.set(Uint8Array.of(16, 0, 0, 0, 10, 1, 0, 0), u32(16));
    expect(readU32(map.get(Uint8Array.of(32, 0, 0, 0, 10, 1, 2, 3)))).toBe(16);
    expect(readU32(map.get(Uint8Array.of(32, 0, 0, 0, 10, 9, 2, 3)))).toBe(8);
    expect(map.get(Uint8Array.of(32, 0, 0, 0, 11, 9, 2, 3))).toBeUndefined();
  });

  test("queue", () => {
    using opened = loaded();
    const map = opened.map("queue");
    const none = new Uint8Array(0);
    for (const value of [1, 2, 3, 4]) map.set(none, u64(value));
    expect(codeOf(() => map.set(none, u64(5)))).toBe("ERR_BPF_MAP E2BIG");
    expect(readU64(map.get())).toBe(1n);
    expect([map.take(), map.take(), map.take(), map.take()].map((value) => readU64(value))).toEqual([
      1n,
      2n,
      3n,
      4n,
    ]);
    expect(map.take()).toBeUndefined();
  });

  test("prog_array: a tail call, swapped while in use", () => {
    using opened = loaded();
    const jumps = opened.map("jumps");
    const run = (): number => opened.program("jump").testRun({ data: new Uint8Array(64) }).returnValue;
    expect(run()).toBe(1);
    jumps.setFd(1, opened.program("target"));
    expect(run()).toBe(1234);
    expect(jumps.delete(1)).toBe(true);
    expect(run()).toBe(1);
    expect(codeOf(() => jumps.setFd(1, opened.program("optional")))).toBe("ERR_BPF_NOT_LOADED");
    expect(codeOf(() => jumps.setFd(1, opened.program("show")))).toBe("ERR_BPF_MAP EINVAL");
  });

  test("map of maps", () => {
    using opened = loaded();
    using inner = BpfMap.create({ type: "array", keySize: 4, valueSize: 8, maxEntries: 1, name: "inner" });
    using other = BpfMap.create({ type: "hash", keySize: 4, valueSize: 8, maxEntries: 1 });
    const outer = opened.map("outer");
    outer.setFd(1, inner);
    expect(readU32(outer.get(1))).toBeGreaterThan(0);
    expect(sorted(outer.keys())).toEqual([1]);
    expect(codeOf(() => outer.setFd(2, other))).toBe("ERR_BPF_MAP EINVAL");
  });
});

describeAsRoot("maps on their own", () => {
  test.each<[MapType, number, number]>([
    ["hash", 4, 4],
    ["array", 4, 4],
    ["percpu_array", 4, 8],
    ["lru_hash", 4, 4],
    ["stack", 0, 4],
    ["bloom_filter", 0, 4],
  ])("create a %s", (type, keySize, valueSize) => {
    using map = BpfMap.create({ type, keySize, valueSize, maxEntries: 4, name: "made" });
    expect(map.type).toBe(type);
    expect(map.fd).toBeGreaterThan(2);
    map.close();
    map.close();
    expect(codeOf(() => map.fd)).toBe("ERR_BPF_CLOSED");
    expect(codeOf(() => map.get(keySize === 0 ? new Uint8Array(0) : 0))).toBe("ERR_BPF_CLOSED");
  });

  test("refusals", () => {
    const valid = { type: "hash", keySize: 4, valueSize: 4, maxEntries: 1 } as const;
    expect(codeOf(() => BpfMap.create({ ...valid, keySize: -1 }))).toBe("ERR_BPF_INVALID_ARGUMENT");
    expect(codeOf(() => BpfMap.create({ ...valid, name: "no spaces" }))).toBe("ERR_BPF_INVALID_ARGUMENT");
    expect(codeOf(() => BpfMap.create({ ...valid, maxEntries: 0 }))).toBe("ERR_BPF_MAP EINVAL");
    expect(codeOf(() => BpfMap.create({ ...valid, type: "hush" as "hash" }))).toBe(
      "ERR_BPF_INVALID_ARGUMENT",
    );
  });

  test("frozen", () => {
    using map = BpfMap.create({ type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
    map.set(0, u32(5));
    map.freeze();
    expect(codeOf(() => map.set(0, u32(6)))).toBe("ERR_BPF_PERMISSION EPERM");
    expect(readU32(map.get(0))).toBe(5);
  });
});
