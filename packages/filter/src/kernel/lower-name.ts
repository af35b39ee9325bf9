import type { Test, Value } from "../typing/typed.ts";
import type { KernelExpression, Span, Text } from "./expression.ts";
import { decided, impossible, opposite, settled } from "./lowering.ts";
import type { Lowered } from "./lowering.ts";

/** What stands in names for bytes that are not UTF-8: the kernel has the bytes. */
const REPLACEMENT = "\ufffd";

/** A test on the name of the process and on nothing else. */
export function lowerName(test: Test): Lowered {
  const { span } = test;
  switch (test.op) {
    case "relation": {
      const { left, right, relation } = test;
      if (!isName(left) || right.kind !== "literal" || right.type !== "string") return part(span);
      if (relation === "==") return text("equals", right.value, span);
      if (relation === "!=") return opposite(text("equals", right.value, span), span);
      return impossible("the kernel tells names apart, but does not put them in order", span);
    }
    case "member": {
      const texts = test.options.flatMap((option) => (option.type === "string" ? [option.value] : []));
      return isName(test.value) ? oneOf(texts, span) : part(span);
    }
    case "search": {
      const { value, argument } = test;
      if (!isName(value) || argument.kind !== "literal" || argument.type !== "string") return part(span);
      return argument.value === "" ? settled(true, span) : text(test.test, argument.value, span);
    }
    case "pattern":
      return impossible("patterns are matched in user space", span);
    default:
      return part(span);
  }
}

function text(test: Text["test"], value: string, span: Span): Lowered {
  if (value.includes(REPLACEMENT)) return replaced(span);
  // A name ends at its first NUL.
  if (value.includes("\0")) return settled(false, span);
  return decided({ op: "text", field: "name", test, value: Buffer.from(value), span });
}

function oneOf(texts: readonly string[], span: Span): Lowered {
  if (texts.some((value) => value.includes(REPLACEMENT))) return replaced(span);
  const possible = [...new Set(texts)].filter((value) => !value.includes("\0"));
  const [only, ...more] = possible;
  if (only === undefined) return settled(false, span);
  if (more.length === 0) return text("equals", only, span);
  const values = possible.map((value) => Buffer.from(value));
  return decided({ op: "textOneOf", field: "name", values, span } satisfies KernelExpression);
}

function replaced(span: Span): Lowered {
  return impossible("U+FFFD stands for any bytes that are not UTF-8, and the kernel has the bytes", span);
}

function part(span: Span): Lowered {
  return impossible("the kernel compares the whole name with texts, or looks for texts in it", span);
}

function isName(value: Value): boolean {
  return value.kind === "variable" && value.variable.name === "process.name";
}
