import { expect, test } from "vitest";
import { machineOf, serverFiles } from "../../test/doctor/machines.ts";
import { EPERM_LOADING, NO_KPROBES, tapsWith } from "../../test/doctor/taps.ts";
import { collectFacts } from "./collect-facts.ts";
import { diagnoseFrom, type Progress } from "./diagnose.ts";
import { installationFindings } from "./installation-findings.ts";
import { DoctorText, wrap } from "./text.ts";

const plain = (_: string, text: string): string => text;

function show(text: DoctorText, progress: Progress): string {
  switch (progress.type) {
    case "finding":
      return text.finding(progress.finding);
    case "way":
      return text.way(progress.way);
    case "hooks":
      return text.hooks(progress.hooks);
    case "blindSpot":
      return text.blindSpot(progress.blindSpot);
  }
}

test("a whole diagnosis: 80 columns, aligned, each heading once", async () => {
  const text = new DoctorText(plain);
  let shown = "";
  const diagnosis = await diagnoseFrom(
    {
      facts: () => collectFacts(machineOf({ files: serverFiles() })),
      installation: () =>
        installationFindings({ libbpfVersion: () => "v1.5", findPrograms: () => undefined }),
      start: tapsWith({ fexit: EPERM_LOADING, kprobe: NO_KPROBES }).start,
    },
    { onProgress: (progress) => (shown += show(text, progress)) },
  );
  shown += text.verdict(diagnosis);
  const lines = shown.split("\n");
  expect(lines.filter((line) => line.length > 80)).toEqual([]);
  expect(lines.filter((line) => line !== line.trimEnd())).toEqual([]);
  const headings = lines.filter((line) => /^\S/.test(line));
  expect(new Set(headings).size).toBe(headings.length);
  expect([headings[0], headings.at(-1)]).toEqual(["Kernel", "Verdict"]);
  // A state and its text, or the rest of one.
  for (const line of lines.filter((each) => /^ /.test(each)))
    expect(line).toMatch(
      /^ {2}(?:(?:ok|info|warning|problem|no|-|chosen|usable|hooked|unseen|counted|declared) +|)\S|^ {11}/,
    );
  expect(shown).toContain("  chosen   tracepoint typed ringbuf 18 of 18 system calls\n");
  expect(shown).toContain("  no       fexit      typed ringbuf EPERM: cannot load the programs\n");
  expect(shown).toMatch(/\n {2}ok {7}a tap runs here, by tracepoint \(typed programs, ringbuf\)\n$/);
});

test("colours by state", () => {
  const text = new DoctorText((style, words) => `<${style}>${words}</>`);
  const finding = { code: "kernel", area: "kernel", text: "words" } as const;
  expect(text.finding({ ...finding, state: "ok" })).toBe("<bold>Kernel</>\n  <green>ok       </>words\n");
  expect(text.finding({ ...finding, state: "warning" })).toContain("<yellow>warning  </>");
  expect(text.finding({ ...finding, state: "problem" })).toContain("<red>problem  </>");
});

test("the same advice is given once", () => {
  const text = new DoctorText(plain);
  const finding = {
    code: "lockdown",
    area: "security",
    state: "info",
    text: "words",
    advice: "do this",
  } as const;
  expect(text.finding(finding)).toContain("           -> do this\n");
  expect(text.finding(finding)).not.toContain("do this");
});

test("hooks by target, and the calls without one", () => {
  const shown = new DoctorText(plain).hooks([
    { call: "read", target: "sys_exit" },
    { call: "write", target: "sys_exit" },
    { call: "accept", target: "__x64_sys_accept" },
    { call: "accept4", target: "__x64_sys_accept4" },
    { call: "sendfile", target: "__x64_sys_sendfile64" },
    { call: "splice", target: "__x64_sys_splice", reason: "not there\nat all" },
  ]);
  expect(shown).toBe(
    [
      "System calls",
      "  hooked   by sys_exit: read, write",
      "  hooked   by __x64_sys_<name>: accept, accept4",
      "  hooked   sendfile by __x64_sys_sendfile64",
      "  warning  splice: not there",
      "",
    ].join("\n"),
  );
  expect(new DoctorText(plain).hooks([])).toBe("");
});

test("lines are wrapped between words, and columns survive", () => {
  expect(wrap("aa bb cc", 5)).toEqual(["aa bb", "cc"]);
  expect(wrap("a   b", 10)).toEqual(["a   b"]);
  expect(wrap("far-too-long-a-word b", 4)).toEqual(["far-too-long-a-word", "b"]);
  expect(wrap("one\n  two", 10)).toEqual(["one two"]);
  expect(wrap("", 10)).toEqual([]);
});
