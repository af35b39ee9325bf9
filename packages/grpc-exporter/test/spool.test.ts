import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { GrpcCollector } from "../src/collector/collector.ts";
import { GrpcExporter } from "../src/exporter.ts";
import { readResource } from "../src/resource.ts";
import { recover, Segment } from "../src/store/segment.ts";
import { SpoolStore } from "../src/store/spool-store.ts";
import type { Dropped } from "../src/store/store.ts";
import { account } from "./support/records.ts";
import { MemorySink } from "./support/sink.ts";
import { until } from "./support/until.ts";

const MIB = 1024 * 1024;
let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-spool-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

test("a process that is killed leaves all that it has flushed, whole", async () => {
  const program = join(import.meta.dirname, "children/spooler.ts");
  const child = spawn(process.execPath, ["--conditions=@tcptracker/source", program, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let printed = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (printed += text));
  await until("it has flushed some", () => printed.split("\n").length > 40, 60);
  child.kill("SIGKILL");
  await once(child, "close");
  const flushed = BigInt(printed.split("\n").at(-2) ?? "0");

  const sink = new MemorySink();
  const collector = await GrpcCollector.start({ listen: { host: "127.0.0.1", port: 0 }, sink });
  const target = collector.address;
  const exporter = await GrpcExporter.start({
    target,
    resource: readResource("0.0.0-test"),
    spool: directory,
  });
  expect(await exporter.close()).toEqual({ batches: 0, lost: 0 });
  await collector.close();
  const { delivered, missing } = account(sink.records);
  expect(missing).toBe(0n);
  expect(delivered).toBeGreaterThanOrEqual(flushed);
});

test("a disk that takes new files and nothing in them ends nobody", () => {
  const program = join(import.meta.dirname, "children/full-disk.ts");
  // Writes beyond the limit fail, after a part of it; in KiB.
  const command = `trap '' XFSZ; ulimit -f 64; exec "$0" --conditions=@tcptracker/source "$@"`;
  const { status, stdout, stderr } = spawnSync(
    "bash",
    ["-c", command, process.execPath, program, directory],
    { encoding: "utf8", env: { ...process.env, UV_THREADPOOL_SIZE: "1" }, timeout: 60_000 },
  );
  expect([status, stderr]).toEqual([0, ""]);
  const { problems, lost, left } = JSON.parse(stdout) as {
    problems: string[];
    lost: number;
    left: { batches: number; lost: number };
  };
  // The same trouble is told once, whatever the file is called.
  expect(problems).toEqual([expect.stringMatching(/cannot write to the spool \S+: EFBIG: /)]);
  expect(lost).toBeGreaterThan(10);
  // Only what declares the rest is left, and the disk does not take that either, or it does.
  expect(left.batches).toBeLessThanOrEqual(2);
});

describe("a segment", () => {
  async function write(...sizes: readonly number[]): Promise<string> {
    const path = join(directory, "a.segment");
    const segment = await Segment.create(path);
    for (const [index, size] of sizes.entries())
      await segment.append(index + 1, new Uint8Array(size).fill(index));
    await segment.close();
    return path;
  }

  test("gives back what was appended", async () => {
    const path = await write(10, 20_000, 1);
    const { places, end, damaged } = recover(path);
    expect(places.map(({ sequence, length }) => [sequence, length])).toEqual([
      [1, 10],
      [2, 20_000],
      [3, 1],
    ]);
    expect([end, damaged]).toEqual([readFileSync(path).length, 0]);
    const segment = await Segment.open(path, end);
    for (const place of places)
      expect(await segment.read(place)).toEqual(new Uint8Array(place.length).fill(place.sequence - 1));
    await segment.close();
  });

  test("that is cut off anywhere has all batches that are whole, and goes on behind them", async () => {
    const path = await write(10, 20, 30);
    const whole = readFileSync(path);
    for (let length = 0; length < whole.length; length++) {
      writeFileSync(path, whole);
      truncateSync(path, length);
      const { places, end, damaged } = recover(path);
      const expected = [42, 78, 124].filter((position) => position <= length).length;
      expect([length, places.length]).toEqual([length, expected]);
      // Whatever is left of a batch was one.
      expect([length, damaged]).toEqual([length, [0, 16, 42, 78].includes(length) ? 0 : 1]);
      if (length < 16) continue;
      const segment = await Segment.open(path, end);
      await segment.append(9, new Uint8Array(5));
      await segment.close();
      expect(recover(path).places.map(({ sequence }) => sequence)).toEqual([
        ...places.map(({ sequence }) => sequence),
        9,
      ]);
    }
  });

  test.each([0, 1, 35, 0x00ffffff, 0xffffffff])(
    "with a length damaged to %d loses that batch only",
    async (wrong) => {
      const path = await write(10, 20, 30, 40);
      const content = readFileSync(path);
      content.writeUInt32LE(wrong, 42);
      writeFileSync(path, content);
      const { places, end, damaged } = recover(path);
      expect(places.map(({ sequence }) => sequence)).toEqual([1, 3, 4]);
      expect([end, damaged]).toEqual([content.length, 1]);
    },
  );

  test("whose last length is damaged says that a batch is missing", async () => {
    const path = await write(10, 20);
    const content = readFileSync(path);
    content.writeUInt32LE(21, 42);
    writeFileSync(path, content);
    const { places, end, damaged } = recover(path);
    expect([places.length, end, damaged]).toEqual([1, 42, 1]);
  });

  test("full of what looks like batches is given up in bounded time", async () => {
    const path = await write(10);
    const header = Buffer.alloc(16);
    header.writeUInt32LE(4 * MIB, 0);
    header.writeUInt32LE(7, 8);
    writeFileSync(path, Buffer.concat([readFileSync(path), Buffer.alloc(12 * MIB, header)]));
    const { places, damaged } = recover(path);
    expect([places.length, damaged]).toEqual([1, 1]);
  });

  test("of any bytes is read without an error, and never gives a batch that was not written", async () => {
    const path = await write(100, 200, 300, 400);
    const whole = readFileSync(path);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const mutated = Buffer.from(whole);
          for (const [at, value] of changes) mutated[at] = value;
          writeFileSync(path, mutated);
          const { places, end } = recover(path);
          expect(end).toBeLessThanOrEqual(mutated.length);
          for (const { sequence, position, length } of places) {
            expect(length).toBe(sequence * 100);
            expect(mutated.subarray(position, position + length).every((byte) => byte === sequence - 1)).toBe(
              true,
            );
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe("a store", () => {
  let dropped: Dropped[] = [];
  let store: SpoolStore | undefined;
  const bytes = (size: number): Uint8Array<ArrayBuffer> => new Uint8Array(size).fill(7);

  async function open(memory = 0, limit = 2 * MIB): Promise<SpoolStore> {
    dropped = [];
    store = await SpoolStore.open({ directory, limit, memory }, (each) => dropped.push(each));
    return store;
  }
  afterEach(() => {
    store?.close();
    store = undefined;
  });
  const reopen = async (): Promise<SpoolStore> => {
    store?.close();
    return await open();
  };

  test("remembers what was acknowledged and sent", async () => {
    const before = await open();
    const { id } = before;
    for (let sequence = 1; sequence <= 9; sequence++) await before.append({ sequence, bytes: bytes(1000) });
    await before.take(5);
    before.acknowledge(4);
    const after = await reopen();
    expect(after.id).toEqual(id);
    expect([after.acknowledged, after.sent, after.last, after.batches]).toEqual([4, 6, 9, 5]);
    expect((await after.next(4))?.sequence).toBe(5);
    expect((await after.next(9))?.sequence).toBeUndefined();
  });

  test("never gives up what was sent and may have arrived", async () => {
    const full = await open();
    for (let sequence = 1; sequence <= 60; sequence++) {
      await full.append({ sequence, bytes: bytes(100_000) });
      if (sequence === 2) await full.take(1);
    }
    expect(full.bytes).toBeLessThanOrEqual(2 * MIB);
    expect((await full.next(0))?.sequence).toBe(1);
    expect((await full.next(1))?.sequence).toBe(2);
    expect((await full.next(2))?.sequence).toBeGreaterThan(30);
    expect(
      dropped.every(({ cause, bytes: content }) => cause === "spool_full" && content !== undefined),
    ).toBe(true);
    expect(dropped.length + full.batches).toBe(60);
  });

  test.each([0, 2 * MIB])(
    "never gives up what is taken at that moment, with %d bytes of memory",
    async (memory) => {
      const full = await open(memory, 512 * 1024);
      const taken: number[] = [];
      let sequence = 0;
      for (let round = 0; round < 60; round++) {
        // One behind the other, as an exporter does; what they push out is what is being taken.
        const appending = (async (): Promise<void> => {
          for (let each = 0; each < 4; each++)
            await full.append({ sequence: ++sequence, bytes: bytes(100_000) });
        })();
        const batch = await full.take(taken.at(-1) ?? 0);
        if (batch !== undefined) taken.push(batch.sequence);
        await appending;
        if (round % 5 === 4) full.acknowledge(taken.at(-1) ?? 0);
      }
      const held = full.batches;
      const kept = new Set<number>();
      for (let each = await full.next(0); each !== undefined; each = await full.next(each.sequence))
        kept.add(each.sequence);
      expect(kept.size).toBe(held);
      for (const each of taken.filter((one) => one > full.acknowledged)) expect(kept).toContain(each);
      // Each batch is one of these, and only one.
      expect(dropped.length + kept.size + taken.filter((one) => one <= full.acknowledged).length).toBe(
        sequence,
      );
      expect(dropped.length).toBeGreaterThan(0);
    },
  );

  test("says how many batches were damaged", async () => {
    const before = await open();
    for (let sequence = 1; sequence <= 3; sequence++) await before.append({ sequence, bytes: bytes(1000) });
    const [name = ""] = readdirSync(directory).filter((file) => file.endsWith(".segment"));
    const content = readFileSync(join(directory, name));
    content[1500] = 0;
    writeFileSync(join(directory, name), content);
    // Found when it is read back ...
    expect((await before.next(1))?.sequence).toBe(3);
    expect(dropped).toEqual([{ cause: "spool_damaged", bytes: undefined, batches: 1 }]);
    // ... or when the spool is opened.
    const after = await reopen();
    expect(dropped).toEqual([{ cause: "spool_damaged", bytes: undefined, batches: 1 }]);
    expect(after.batches).toBe(2);
  });

  test("with a state that is damaged is another exporter's, and sends all there is", async () => {
    const before = await open();
    const { id } = before;
    await before.append({ sequence: 1, bytes: bytes(10) });
    await before.take(0);
    writeFileSync(join(directory, "state"), "nonsense");
    const after = await reopen();
    expect(after.id).not.toEqual(id);
    expect((await after.next(0))?.sequence).toBe(1);
  });

  test("whose disk refuses to take more gives up what it must, and goes on when it can", async () => {
    const problems: unknown[] = [];
    dropped = [];
    const options = {
      directory,
      limit: 2 * MIB,
      memory: 0,
      onError: (error: unknown) => problems.push(error),
    };
    store = await SpoolStore.open(options, (each) => dropped.push(each));
    rmSync(directory, { recursive: true });
    await store.append({ sequence: 1, bytes: bytes(1000) });
    expect(problems.length).toBeGreaterThan(0);
    expect(dropped).toMatchObject([{ cause: "spool_full", batches: 1 }]);
    expect(dropped[0]?.bytes).toHaveLength(1000);
    mkdirSync(directory);
    await store.append({ sequence: 2, bytes: bytes(1000) });
    expect((await store.next(0))?.sequence).toBe(2);
  });

  describe("whose disk refuses to take more", () => {
    const problems: unknown[] = [];

    /** As when others have filled it: what is there stays, nothing is added. */
    async function withoutDisk(memory: number): Promise<SpoolStore> {
      const full = await SpoolStore.open(
        { directory, limit: 2 * MIB, memory, onError: (error: unknown) => problems.push(error) },
        (each) => dropped.push(each),
      );
      dropped = [];
      rmSync(directory, { recursive: true });
      store = full;
      return full;
    }
    const sequences = async (of: SpoolStore): Promise<number[]> => {
      const found: number[] = [];
      for (let each = await of.next(0); each !== undefined; each = await of.next(each.sequence))
        found.push(each.sequence);
      return found;
    };

    test("holds batches in memory, and puts them on disk, in order, when it can", async () => {
      const full = await withoutDisk(10_000);
      for (let sequence = 1; sequence <= 3; sequence++) await full.append({ sequence, bytes: bytes(1000) });
      expect(problems.length).toBeGreaterThan(0);
      expect([dropped, await sequences(full), full.hasRoom]).toEqual([[], [1, 2, 3], true]);
      expect([full.bytes, full.memoryBytes, await full.settle()]).toEqual([0, 3000, 3]);
      // One that is delivered meanwhile needs no place any more.
      await full.take(0);
      full.acknowledge(1);
      expect([full.memoryBytes, await full.settle()]).toEqual([2000, 2]);
      mkdirSync(directory);
      await full.append({ sequence: 4, bytes: bytes(1000) });
      expect(await full.settle()).toBe(0);
      expect(await sequences(await reopen())).toEqual([2, 3, 4]);
    });

    test("gives up the oldest that were not sent, when memory is full, too", async () => {
      const full = await withoutDisk(2500);
      for (let sequence = 1; sequence <= 2; sequence++) await full.append({ sequence, bytes: bytes(1000) });
      await full.take(0);
      expect(full.hasRoom).toBe(true);
      for (let sequence = 3; sequence <= 5; sequence++) await full.append({ sequence, bytes: bytes(1000) });
      expect([await sequences(full), full.memoryBytes]).toEqual([[1, 5], 2000]);
      expect(dropped.map(({ cause, batches }) => [cause, batches])).toEqual([
        ["spool_full", 1],
        ["spool_full", 1],
        ["spool_full", 1],
      ]);
    });

    test("gives up what it cannot keep when it ends, but not what was sent", async () => {
      const full = await SpoolStore.open(
        { directory, limit: 2 * MIB, memory: MIB, onError: () => undefined },
        (each) => dropped.push(each),
      );
      [store, dropped] = [full, []];
      await full.append({ sequence: 1, bytes: bytes(250_000) });
      // The next batches need a file of their own.
      rmSync(directory, { recursive: true });
      for (let sequence = 2; sequence <= 4; sequence++)
        await full.append({ sequence, bytes: bytes(250_000) });
      await full.take(1);
      full.dropUnsettled();
      expect([await sequences(full), await full.settle()]).toEqual([[1, 2], 1]);
      expect(dropped.map(({ cause, bytes: content }) => [cause, content?.length])).toEqual([
        ["spool_full", 250_000],
        ["spool_full", 250_000],
      ]);
      // The first one was sent, too, or it might have: it is kept.
      expect(await full.makeRoom()).toBe(false);
    });

    test("has its memory for that, not for what is on disk, too", async () => {
      const full = await SpoolStore.open(
        { directory, limit: 2 * MIB, memory: 600_000, onError: () => undefined },
        (each) => dropped.push(each),
      );
      [store, dropped] = [full, []];
      for (let sequence = 1; sequence <= 2; sequence++)
        await full.append({ sequence, bytes: bytes(250_000) });
      expect(full.memoryBytes).toBe(500_000);
      // The next batch needs a file of its own.
      rmSync(directory, { recursive: true });
      for (let sequence = 3; sequence <= 4; sequence++)
        await full.append({ sequence, bytes: bytes(250_000) });
      expect([await sequences(full), full.memoryBytes, dropped]).toEqual([[1, 2, 3, 4], 500_000, []]);
    });
  });

  test.each([0, 2 * MIB])(
    "makes room of what nobody wants any more, with %d bytes of memory",
    async (memory) => {
      const before = await open(memory, 8 * MIB);
      for (let sequence = 1; sequence <= 9; sequence++)
        await before.append({ sequence, bytes: bytes(100_000).fill(sequence) });
      await before.take(5);
      before.acknowledge(4);
      const { bytes: size } = before;
      expect(await before.makeRoom()).toBe(true);
      expect([before.bytes, before.batches, before.acknowledged]).toEqual([0, 5, 4]);
      expect(await before.settle()).toBe(0);
      expect(before.bytes).toBeLessThan(size - 300_000);
      // Now all of it is wanted, and the oldest was sent.
      expect(await before.makeRoom()).toBe(false);
      expect(dropped).toEqual([]);
      const after = await reopen();
      for (let sequence = 5; sequence <= 9; sequence++)
        expect(await after.next(sequence - 1)).toEqual({ sequence, bytes: bytes(100_000).fill(sequence) });
      expect(after.batches).toBe(5);
    },
  );

  test("makes no room of a file whose many small batches are all wanted", async () => {
    const full = await open(MIB);
    for (let sequence = 1; sequence <= 4200; sequence++) await full.append({ sequence, bytes: bytes(10) });
    await full.take(4199);
    expect([await full.makeRoom(), full.batches, dropped]).toEqual([false, 4200, []]);
  });

  test("keeps recent batches in memory, within its bound", async () => {
    const cached = await open(250_000);
    for (let sequence = 1; sequence <= 9; sequence++)
      await cached.append({ sequence, bytes: bytes(100_000) });
    expect(cached.memoryBytes).toBe(200_000);
    cached.acknowledge(9);
    expect([cached.memoryBytes, cached.batches]).toEqual([0, 0]);
  });
});

test("a directory that cannot be one is refused", async () => {
  writeFileSync(join(directory, "file"), "");
  const opening = SpoolStore.open(
    { directory: join(directory, "file"), limit: MIB, memory: 0 },
    () => undefined,
  );
  await expect(opening).rejects.toMatchObject({ code: "ERR_EXPORT_SPOOL" });
});
