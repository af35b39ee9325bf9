import { expect, test } from "vitest";
import { levelOf } from "./expression.ts";
import type { KernelExpression } from "./expression.ts";

const span = { from: 0, to: 0 };
const port: KernelExpression = { op: "compare", field: "remote.port", relation: "==", value: 80n, span };
const pid: KernelExpression = { op: "compare", field: "pid", relation: "==", value: 1n, span };
const get: KernelExpression = {
  op: "text",
  field: "payload",
  test: "startsWith",
  value: Buffer.from("GET "),
  span,
};

test.each<[string, KernelExpression]>([
  ["connection", port],
  ["call", pid],
  ["payload", get],
  ["call", { op: "and", operands: [port, pid], span }],
  ["payload", { op: "or", operands: [port, { op: "not", operand: get, span }], span }],
  ["payload", { op: "conditional", test: port, then: pid, otherwise: get, span }],
  ["payload", { op: "compare", field: "prefix.length", relation: "<", value: 9n, span }],
  ["connection", { op: "compareFields", left: "local.port", relation: "<", right: "remote.port", span }],
  ["call", { op: "compareFields", left: "local.port", relation: "<", right: "size", span }],
  ["call", { op: "inSet", set: "container.id", field: "cgroup", span }],
])("the level is %s", (level, expression) => {
  expect(levelOf(expression)).toBe(level);
});
