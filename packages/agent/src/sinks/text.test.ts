import { PassThrough } from "node:stream";
import { text as textOf } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { closeRecord, dataRecord, gapRecord, openRecord } from "../../test/support/records.ts";
import { formatClockTime } from "../format.ts";
import { LineOutput } from "./line-output.ts";
import { formatRecord, TextSink, type Paint } from "./text.ts";

const plain: Paint = (_style, text) => text;
const marked: Paint = (style, text) => `<${style}>${text}</${style}>`;
const time = formatClockTime(openRecord().time);
const head = `${time}  curl[25914]  127.0.0.1:44614`;

describe("one line for", () => {
  const six = {
    local: { address: "::1", port: 1 },
    remote: { address: "2001:db8::2", port: 2 },
    network: { type: "ipv6", transport: "tcp" },
  } as const;
  test.each([
    ["an open", openRecord(), `${head} - 127.0.0.1:18080  open, client`],
    [
      "one in a container",
      openRecord({ container: { id: "4f797c539e6c745d", name: "we\x1bb" } }),
      `${time}  curl[25914]  we\\x1bb  127.0.0.1:44614 - 127.0.0.1:18080  open, client`,
    ],
    [
      "one in a container without a name",
      openRecord({ container: { id: "4f797c539e6c745d" } }),
      `${time}  curl[25914]  4f797c539e6c  127.0.0.1:44614 - 127.0.0.1:18080  open, client`,
    ],
    [
      "one in a pod",
      openRecord({ container: { id: "4f79", name: "web" }, pod: { name: "web-1", namespace: "shop" } }),
      `${time}  curl[25914]  shop/web-1  127.0.0.1:44614 - 127.0.0.1:18080  open, client`,
    ],
    [
      "one joined midstream",
      openRecord({ connection: { id: "00000000000000a1", role: "server", joined: "midstream" } }),
      `${head} - 127.0.0.1:18080  open, server, midstream`,
    ],
    ["what is sent", dataRecord("GET /\r\n"), `${head} > 127.0.0.1:18080  7 B  | GET /`],
    [
      "what is received",
      dataRecord("200 OK", { direction: "ingress" }),
      `${head} < 127.0.0.1:18080  6 B  | 200 OK`,
    ],
    [
      "part of a call",
      dataRecord("abc", { size: 4096n }),
      `${head} > 127.0.0.1:18080  3 B of 4.0 KiB  | abc`,
    ],
    ["a payload with an empty line", dataRecord("\n"), `${head} > 127.0.0.1:18080  1 B`],
    ["a gap", gapRecord(), `${head} > 127.0.0.1:18080  missing 2.0 KiB (snaplen)`],
    [
      "a gap in what is received",
      gapRecord({ direction: "ingress", cause: "ring_full" }),
      `${head} < 127.0.0.1:18080  missing 2.0 KiB (ring_full)`,
    ],
    ["a close", closeRecord(), `${head} - 127.0.0.1:18080  close, sent 71 B, received 4.0 KiB, 12.3 ms`],
    ["IPv6, in brackets", dataRecord("x", six), `${time}  curl[25914]  [::1]:1 > [2001:db8::2]:2  1 B  | x`],
    [
      "a process without a name",
      openRecord({ process: { pid: 7, tid: 7, uid: 0 } }),
      `${time}  ?[7]  127.0.0.1:44614 - 127.0.0.1:18080  open, client`,
    ],
  ])("%s", (_what, record, expected) => {
    expect(formatRecord(record, plain)).toBe(expected);
  });

  test("a call without captured payload", () => {
    const { payload, ...record } = dataRecord("x".repeat(70));
    expect(payload).toHaveLength(70);
    expect(formatRecord(record, plain)).toBe(`${head} > 127.0.0.1:18080  70 B`);
  });
});

test("a process cannot paint the terminal by its name", () => {
  const record = openRecord({ process: { pid: 7, tid: 7, name: "\x1b[2Jx\n\u202e", uid: 0 } });
  expect(formatRecord(record, plain)).toContain("  \\x1b[2Jx\\x0a\\u{202e}[7]  ");
});

test("names that came over a network are cut", () => {
  const name = "x".repeat(1_000_000);
  const process = { pid: 7, tid: 7, name, uid: 0 };
  for (const more of [{ container: { id: "4f79", name } }, { pod: { name, namespace: "shop" } }]) {
    const text = formatRecord(openRecord({ process, ...more }), plain);
    expect(text).toContain(`${"x".repeat(256)}...[7]  `);
    expect(text.length).toBeLessThan(1000);
  }
});

test("colours mark up and change nothing else", () => {
  for (const record of [openRecord(), dataRecord("x"), gapRecord(), closeRecord()]) {
    const text = formatRecord(record, marked);
    expect(text).not.toBe(formatRecord(record, plain));
    expect(text.replace(/<\/?(?:dim|green|cyan|yellow|bold)>/g, "")).toBe(formatRecord(record, plain));
  }
  expect(formatRecord(dataRecord("x"), marked)).toContain("<green>127.0.0.1:44614 > ");
  expect(formatRecord(dataRecord("x", { direction: "ingress" }), marked)).toContain(
    "<cyan>127.0.0.1:44614 < ",
  );
  expect(formatRecord(gapRecord(), marked)).toContain("<yellow>missing");
});

test("the sink writes a line for each record, in order, at once", async () => {
  const stream = new PassThrough();
  const sink = new TextSink(new LineOutput(stream), plain);
  const records = [openRecord(), dataRecord("GET /"), closeRecord()];
  await sink.write(records);
  const lines = records.map((record) => `${formatRecord(record, plain)}\n`).join("");
  expect(String(stream.read())).toBe(lines);
  await sink.close();
  stream.end();
  expect(await textOf(stream)).toBe("");
});
