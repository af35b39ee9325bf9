import { fromJson } from "@tcptracker/events";
import { expect, test } from "vitest";
import { RecordInput } from "./record-input.ts";

const line =
  '{"type":"open","time":"2026-11-22T15:18:00.000000000Z","connection":{"id":"8f3c000000000001","role":"client","joined":"start"},' +
  '"local":{"address":"::1","port":1},"remote":{"address":"::1","port":2},"network":{"type":"ipv6","transport":"tcp"},' +
  '"process":{"pid":1,"tid":1,"uid":0},"container":{"id":"4f79","name":"web"},' +
  '"pod":{"name":"web-1","namespace":"shop","labels":{"app":"web","a.b/c":"d"},"owner":{"kind":"Job","name":"j"}}}';

test.each([
  ["container.id", undefined, "4f79"],
  ["container.name", undefined, "web"],
  ["container.image", undefined, ""],
  ["pod.namespace", undefined, "shop"],
  ["pod.labels", "app", "web"],
  ["pod.labels", "a.b/c", "d"],
  ["pod.labels", "toString", ""],
  ["pod.labels", undefined, ""],
  ["pod.owner.kind", undefined, "Job"],
  ["process.name", undefined, ""],
  ["connection.id", undefined, ""],
])("the attribute %s %s of a record is %j", (name, key, value) => {
  expect(new RecordInput(fromJson(line)).attribute(name, key)).toBe(value);
});

test("of a record without a container it is empty", () => {
  const record = fromJson(line.replace(/,"container":.*$/, "}"));
  expect(record).not.toHaveProperty("container");
  expect(new RecordInput(record).attribute("container.id")).toBe("");
});
