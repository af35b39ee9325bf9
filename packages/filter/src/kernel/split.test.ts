import { expect, test } from "vitest";
import { compile } from "../compile.ts";
import { formatPlan } from "../explain.ts";
import { formatKernel } from "./format.ts";
import { sizeOf } from "./logic.ts";

test("what the issue asks for: all of it in the kernel, and only a pattern stays above", () => {
  const text = 'remote.port == 8080 && process.name == "curl" && payload.startsWith(b"GET /api")';
  const all = compile(text);
  expect(all.residual).toBeUndefined();
  expect(all.explain().kernel.map(({ level }) => level)).toEqual(["connection", "call", "payload"]);
  const part = compile(`${text} && payload.matches("x.*y")`);
  expect(part.kernel).toEqual({ ...all.kernel, span: { from: 0, to: 107 } });
  expect(part.explain().user.map((one) => one.text)).toEqual(['payload.matches("x.*y")']);
});

test("the largest parts go to user space until the rest fits", () => {
  const filter = compile("port(80) && size > 1 && (host('10.0.0.1') || net('10') || port(1))", {
    unfit: (kernel) => (sizeOf(kernel) > 4 ? "it takes too many instructions" : undefined),
  });
  expect(filter.kernel === undefined ? "" : formatKernel(filter.kernel)).toBe("size > 1");
  expect(
    filter.explain().user.map(({ text, reasons }) => [text, reasons.map(({ reason }) => reason)]),
  ).toEqual([
    ["port(80)", ["it takes too many instructions"]],
    ["host('10.0.0.1') || net('10') || port(1)", ["it takes too many instructions"]],
  ]);
});

test("of thousands of parts, many go at a time", () => {
  let asked = 0;
  const text = Array.from({ length: 5000 }, (_, index) => `size != ${index}`).join(" && ");
  const filter = compile(text, {
    unfit: (part) => {
      asked++;
      return sizeOf(part) > 200 ? "it takes too many instructions" : undefined;
    },
  });
  expect(filter.kernel === undefined ? 0 : sizeOf(filter.kernel)).toBeGreaterThan(100);
  const { user, kernel } = filter.explain();
  expect(user.length + kernel.length).toBe(5000);
  expect(asked).toBeLessThan(100);
});

test("where nothing fits, all of it is decided in user space", () => {
  const filter = compile("port(80) && size > 1", { unfit: () => "there is no kernel" });
  expect(filter.kernel).toBeUndefined();
  expect(filter.residual).toBeDefined();
  expect(formatPlan(filter.explain())).toBe(`filter: port(80) && size > 1

in the kernel:
  nothing: every call goes to user space

in user space:
  column 1: port(80)
    because there is no kernel
  column 13: size > 1
    because there is no kernel`);
});

test("the plan says what the kernel can do of a part, and why not all", () => {
  const text =
    '!(port(22) || payload.contains("x")) && (size > 9 && connection.id < "8" || syscall == "read")';
  expect(formatPlan(compile(text).explain())).toBe(`filter: ${text}

in the kernel:
  column 3: !(port(22))  (once per connection)
  column 42: size > 9 || syscall == "read"  (for each call; user space decides the rest)

in user space:
  column 15: !(payload.contains("x"))
    because payload.contains("x") (column 15): the kernel looks at the first 256 bytes of the payload only, and from the beginning
  column 42: size > 9 && connection.id < "8" || syscall == "read"
    because connection.id < "8" (column 54): the kernel's part of a filter does not look at connection ids`);
});
