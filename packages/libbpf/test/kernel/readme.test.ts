import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { findClang, multiarch } from "../compile.ts";
import { describeAsRoot } from "./support.ts";

const root = join(import.meta.dirname, "../..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const blocks = [...readme.matchAll(/^```(\w+)\n(.*?)^```/gms)].map((match) => ({
  language: match[1],
  code: match[2] ?? "",
}));
const typescript = blocks.filter(({ language }) => language === "ts").map(({ code }) => code);

let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "libbpf-readme-"));
  mkdirSync(join(folder, "node_modules/@tcptracker"), { recursive: true });
  symlinkSync(root, join(folder, "node_modules/@tcptracker/libbpf"));
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  const c = blocks.find(({ language }) => language === "c");
  writeFileSync(join(folder, "exec.bpf.c"), c?.code ?? "");
  const clang = await findClang();
  const flags = ["-target", "bpf", "-g", "-O2", "-I", `/usr/include/${await multiarch(clang)}`];
  execFileSync(clang, [...flags, "-c", "exec.bpf.c", "-o", "exec.bpf.o"], { cwd: folder });
});

afterAll(() => rmSync(folder, { recursive: true }));

/** Node with the condition under which the package resolves to its sources. */
const node = ["--conditions=@tcptracker/source", "--disable-warning=ExperimentalWarning"];

describeAsRoot("the README", () => {
  test("its blocks are all run here", () => {
    expect(blocks.map(({ language }) => language)).toEqual(["c", "ts", "ts", "ts", "ts"]);
  });

  test("the example reports a process that starts, and ends on SIGINT", async () => {
    writeFileSync(join(folder, "example.ts"), typescript[0] ?? "");
    const child = spawn(process.execPath, [...node, "example.ts"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    const seen = new Promise<void>((resolve, reject) => {
      // A program with a name of its own, started again and again until the example is attached and reports it.
      const attempt = setInterval(() => execFileSync("/usr/bin/printenv", ["HOME"]), 50);
      const deadline = setTimeout(() => reject(new Error(`nothing in 20 s, output: ${output}`)), 20_000);
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (!/^\d+ printenv$/m.test(output)) return;
        clearInterval(attempt);
        clearTimeout(deadline);
        resolve();
      });
    });
    await seen;
    const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
    child.kill("SIGINT");
    expect(await ended).toBe(0);
  });

  test("the perf buffer example runs", () => {
    writeFileSync(join(folder, "perf.ts"), typescript[1] ?? "");
    const output = execFileSync(process.execPath, [...node, "perf.ts"], { cwd: folder, encoding: "utf8" });
    expect(output).toBe("0\n");
  });

  test("the example of probing prints a line for each feature", () => {
    writeFileSync(join(folder, "features.ts"), typescript[2] ?? "");
    const output = execFileSync(process.execPath, [...node, "features.ts"], {
      cwd: folder,
      encoding: "utf8",
    });
    expect(output).toMatch(/^kernelBtf: yes$/m);
    expect(output).toMatch(/^(true|false)$/m);
  });

  test("the error example prints the verifier's reason", () => {
    writeFileSync(join(folder, "errors.ts"), typescript[3] ?? "");
    const output = execFileSync(process.execPath, [...node, "errors.ts"], { cwd: folder, encoding: "utf8" });
    expect(output).toContain("R0 !read_ok");
  });
});
