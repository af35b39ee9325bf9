import { PassThrough } from "node:stream";
import { fromJson } from "@tcptracker/events";
import { expect, test } from "vitest";
import { closeRecord, dataRecord, gapRecord, openRecord } from "../../test/support/records.ts";
import { JsonSink } from "./json.ts";
import { LineOutput } from "./line-output.ts";

test("one JSON record per line, and what comes back is what went in", async () => {
  const stream = new PassThrough();
  const sink = new JsonSink(new LineOutput(stream));
  const records = [openRecord(), dataRecord("line 1\nline 2\u2028\0"), gapRecord(), closeRecord()];
  await sink.write(records.slice(0, 2));
  await sink.write(records.slice(2));
  await sink.close();
  const lines = String(stream.read()).split("\n");
  expect(lines.pop()).toBe("");
  expect(lines.map(fromJson)).toEqual(records);
});
