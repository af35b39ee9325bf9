import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { BpfError, BpfMap, BpfObject, features, setLogger } from "../../src/index.ts";
import { object } from "../compile.ts";
import { describeAsRoot, openDescriptors, rawArguments, readU32, readU64 } from "./support.ts";

function failure(action: () => unknown): BpfError {
  try {
    action();
  } catch (error) {
    if (error instanceof BpfError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describeAsRoot("opening", () => {
  test("a file that is not there", () => {
    expect(failure(() => BpfObject.open("/nonexistent.o"))).toMatchObject({
      code: "ERR_BPF_OPEN",
      errnoName: "ENOENT",
    });
  });

  test("bytes that are no ELF file", () => {
    const error = failure(() => BpfObject.open(new Uint8Array(4096)));
    expect(error.code).toBe("ERR_BPF_OPEN");
    expect(error.log).toContain("libbpf:");
  });

  test("an ELF file that is no BPF object", () => {
    expect(failure(() => BpfObject.open(process.execPath)).code).toBe("ERR_BPF_OPEN");
  });

  test("bytes at an odd address", () => {
    const file = readFileSync(object("maps"));
    const shifted = new Uint8Array(file.byteLength + 1);
    shifted.set(file, 1);
    using opened = BpfObject.open(shifted.subarray(1), { name: "odd" });
    expect(opened.name).toBe("odd");
    expect([...opened.programs.keys()]).toEqual(["show", "count", "jump", "target", "optional"]);
    shifted.fill(0);
    opened.load();
    expect(opened.program("target").type).toBe("socket_filter");
  });

  test("names that do not exist are answered with the nearest", () => {
    const error = failure(() => BpfObject.open(object("maps"), { rodata: { smal: 1 } }));
    expect(error).toMatchObject({ code: "ERR_BPF_NOT_FOUND" });
    expect(error.message).toContain("Did you mean small?");
    expect(
      failure(() => BpfObject.open(object("maps"), { maps: { hush: { maxEntries: 1 } } })).message,
    ).toContain("hash");
    expect(failure(() => BpfObject.open(object("maps"), { programs: { shaw: {} } })).message).toContain(
      "show",
    );
  });

  test.each([
    ["small", 256],
    ["small", -1],
    ["small", 1.5],
    ["negative", 32768],
    ["negative", -32769n],
    ["enabled", 2],
    ["large", 2 ** 53],
    ["large", 1n << 64n],
    ["label", 1],
    ["label", new Uint8Array(7)],
  ])("a value that does not fit: %s = %s", (name, value) => {
    const before = openDescriptors();
    const error = failure(() => BpfObject.open(object("maps"), { rodata: { [name]: value } }));
    expect(error.code).toBe("ERR_BPF_INVALID_ARGUMENT");
    expect(error.message).toContain(name);
    expect(openDescriptors()).toBe(before);
  });

  test("only constants are set as constants", () => {
    const error = failure(() => BpfObject.open(object("maps"), { rodata: { initialized: 1 } }));
    expect(error.message).toContain("writeVariable");
  });
});

describeAsRoot("globals", () => {
  test("constants reach the program", () => {
    using opened = BpfObject.open(object("maps"), {
      rodata: {
        small: 200,
        negative: -32768,
        enabled: true,
        large: 2n ** 64n - 1n,
        label: new TextEncoder().encode("changed!"),
      },
    });
    opened.load();
    expect(opened.program("show").testRun({ context: rawArguments() }).returnValue).toBe(200);
    const seen = opened.readVariable("seen");
    expect(readU64(seen)).toBe(2n ** 64n - 1n);
    expect(new DataView(seen.buffer).getInt32(8, true)).toBe(-32768);
    expect([seen[12], seen[13]]).toEqual([200, 1]);
    expect(new TextDecoder().decode(seen.subarray(14, 22))).toBe("changed!");
  });

  test("initial values, and variables of the running program", () => {
    using opened = BpfObject.open(object("maps"));
    expect(new TextDecoder().decode(opened.readVariable("label"))).toBe("initial\0");
    expect(readU32(opened.readVariable("initialized"))).toBe(42);
    expect(opened.variables).toContainEqual({
      name: "negative",
      section: ".rodata",
      offset: expect.any(Number) as number,
      size: 2,
      kind: "signed",
    });
    opened.load();
    const run = (): unknown => opened.program("show").testRun({ context: rawArguments() });
    run();
    expect(readU64(opened.readVariable("zeroed"))).toBe(42n);
    opened.writeVariable("initialized", 8);
    run();
    expect(readU64(opened.readVariable("zeroed"))).toBe(50n);
    expect(failure(() => opened.writeVariable("small", 1))).toMatchObject({ code: "ERR_BPF_INVALID_STATE" });
    expect(readU32(opened.map(".data").get(0))).toBe(8);
  });
});

describeAsRoot("loading", () => {
  test("map sizes, autoload, kernel figures", () => {
    using opened = BpfObject.open(object("maps"), {
      maps: { hash: { maxEntries: 3 } },
      programs: { optional: { autoload: true }, jump: { autoload: false } },
    });
    expect(opened.map("hash").maxEntries).toBe(3);
    expect(opened.program("optional").instructionCount).toBe(2);
    expect(opened.program("show").fd).toBe(-1);
    opened.load();
    for (let key = 0; key < 3; key++) opened.map("hash").set(key, new Uint8Array(8));
    expect(failure(() => opened.map("hash").set(3, new Uint8Array(8)))).toMatchObject({ errnoName: "E2BIG" });
    expect(opened.program("optional").testRun({ context: rawArguments() }).returnValue).toBe(5);
    expect(failure(() => opened.program("jump").attach()).code).toBe("ERR_BPF_NOT_LOADED");
    expect(opened.program("show").verifiedInstructions).toBeGreaterThan(5);
    expect(opened.program("show").recursionMisses).toBe(0);
    expect(opened.program("show").id).toBeGreaterThan(0);
    expect(failure(() => (opened.program("show").autoload = false)).code).toBe("ERR_BPF_INVALID_STATE");
    expect(failure(() => opened.load()).code).toBe("ERR_BPF_INVALID_STATE");
  });

  test("before the load nothing can be used yet", () => {
    using opened = BpfObject.open(object("maps"));
    expect(failure(() => opened.map("hash").get(0)).code).toBe("ERR_BPF_NOT_LOADED");
    expect(failure(() => opened.program("show").testRun()).code).toBe("ERR_BPF_NOT_LOADED");
  });

  test("a map shared by two objects", () => {
    using first = BpfObject.open(object("maps"));
    first.load();
    using second = BpfObject.open(object("maps"), { maps: { hash: { reuse: first.map("hash") } } });
    second.load();
    first.map("hash").set(1, new Uint8Array(8).fill(9));
    expect(second.map("hash").get(1)).toEqual(new Uint8Array(8).fill(9));
  });

  test("a refused program: reason, whole log, and the object stays closed", () => {
    using opened = BpfObject.open(object("refused"));
    const error = failure(() => opened.load());
    expect(error).toMatchObject({ code: "ERR_BPF_VERIFIER", errnoName: "EACCES", operation: "load refused" });
    expect(error.verifier?.program).toBe("careless");
    expect(error.verifier?.summary).toMatch(/invalid mem access 'map_value_or_null'/);
    expect(error.verifier?.summary).toContain("return *value");
    expect(error.verifier?.log).toMatch(/processed \d+ insns/);
    expect(error.message).toContain("map_value_or_null");
    expect(failure(() => opened.load()).code).toBe("ERR_BPF_INVALID_STATE");
  });
});

describeAsRoot("closing", () => {
  test("twice, and every use afterwards", () => {
    const opened = BpfObject.open(object("maps"));
    opened.load();
    const map = opened.map("hash");
    const program = opened.program("show");
    opened.close();
    opened.close();
    const uses: (() => unknown)[] = [
      () => map.get(0),
      () => map.set(0, new Uint8Array(8)),
      () => [...map.keys()],
      () => map.fd,
      () => program.fd,
      () => program.attach(),
      () => program.testRun(),
      () => program.verifiedInstructions,
      () => program.recursionMisses,
      () => opened.load(),
      () => opened.readVariable("small"),
      () => opened.writeVariable("small", 1),
    ];
    for (const use of uses) expect(failure(use).code).toBe("ERR_BPF_CLOSED");
    expect(map.keySize).toBe(4);
  });

  test("a map that does not match is not taken for another", () => {
    using created = BpfMap.create({ type: "array", keySize: 4, valueSize: 4, maxEntries: 1 });
    const error = failure(() => BpfObject.open(object("maps"), { maps: { hash: { reuse: created } } }));
    expect(error.code).toBe("ERR_BPF_INVALID_ARGUMENT");
    expect(error.message).toContain("has type array, not hash");
  });

  test("500 times leaves no descriptor and little memory", () => {
    const cycle = (): void => {
      using opened = BpfObject.open(object("maps"));
      opened.load();
      opened.program("show").attachRawTracepoint("sys_enter");
    };
    for (let i = 0; i < 50; i++) cycle();
    const descriptors = openDescriptors();
    const memory = process.memoryUsage.rss();
    for (let i = 0; i < 500; i++) cycle();
    expect(openDescriptors()).toBe(descriptors);
    expect(process.memoryUsage.rss() - memory).toBeLessThan(48 << 20);
  });
});

describeAsRoot("what libbpf says", () => {
  test("goes to the logger, at the level asked for", () => {
    const lines: [string, string][] = [];
    setLogger((level, text) => lines.push([level, text]), "debug");
    try {
      BpfObject.open(object("maps")).close();
      expect(lines.some(([level, text]) => level === "debug" && text.includes("maps"))).toBe(true);
      expect(lines.every(([, text]) => !text.endsWith("\n"))).toBe(true);
      lines.length = 0;
      setLogger((level, text) => lines.push([level, text]), "warn");
      failure(() => BpfObject.open("/nonexistent.o"));
      expect(new Set(lines.map(([level]) => level))).toEqual(new Set(["warn"]));
      lines.length = 0;
    } finally {
      setLogger(null);
    }
    failure(() => BpfObject.open("/nonexistent.o"));
    expect(lines).toEqual([]);
  });
});

describeAsRoot("features", () => {
  test("what every kernel with BTF has, and what none has", () => {
    expect(features.probeProgramType("raw_tracepoint")).toBe(true);
    expect(features.probeMapType("ringbuf")).toBe(true);
    expect(features.probeHelper("raw_tracepoint", 131)).toBe(true);
    expect(features.probeHelper("raw_tracepoint", 9999)).toBe(false);
    expect(features.kernelBtfAvailable()).toBe(true);
    expect(features.possibleCpus()).toBeGreaterThan(0);
    expect(features.libbpfVersion()).toMatch(/^v\d+\.\d+/);
  });
});
