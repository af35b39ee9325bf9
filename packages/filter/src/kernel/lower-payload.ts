import type { BytesLiteral, Test, Value } from "../typing/typed.ts";
import { PAYLOAD_LIMIT, PREFIX_LIMIT } from "./expression.ts";
import type { KernelTest, Relation, Span } from "./expression.ts";
import { junction } from "./logic.ts";
import { decided, impossible, onlyIf, opposite, settled } from "./lowering.ts";
import type { Lowered } from "./lowering.ts";
import { holds } from "./relation.ts";

/** How much of the payload there is: to the kernel, and at all. */
interface Extent {
  readonly prefix: number;
  readonly limit: number;
}

/** A test on the payload and on nothing else, where calls have `snaplen` bytes of it at most. */
export function lowerPayload(test: Test, snaplen: number): Lowered {
  const extent = { prefix: Math.min(PREFIX_LIMIT, snaplen), limit: Math.min(PAYLOAD_LIMIT, snaplen) };
  const { span } = test;
  if (test.op === "relation") {
    const { left, relation, right } = test;
    if (right.kind !== "literal") return beyond(extent, span);
    if (isPayloadSize(left) && right.type === "int") return size(relation, Number(right.value), extent, span);
    if (!isPayload(left) || right.type !== "bytes") return beyond(extent, span);
    if (relation === "==") return equals(right, extent, span);
    if (relation === "!=") return opposite(equals(right, extent, span), span);
    return impossible("the kernel does not put payloads in order", span);
  }
  if (test.op === "member") {
    const parts = test.options.map((option): Lowered => {
      if (isPayload(test.value) && option.type === "bytes") return equals(option, extent, span);
      if (isPayloadSize(test.value) && option.type === "int")
        return size("==", Number(option.value), extent, span);
      return beyond(extent, span);
    });
    return anyOf(parts, span);
  }
  if (test.op === "pattern") return impossible("patterns are matched in user space", span);
  if (test.op === "search" && isPayload(test.value) && test.argument.kind === "literal") {
    const { argument } = test;
    if (argument.type !== "bytes") return beyond(extent, span);
    if (argument.value.length === 0) return settled(true, span);
    if (test.test === "startsWith") return startsWith(argument, extent, span);
  }
  return beyond(extent, span);
}

function equals({ value }: BytesLiteral, extent: Extent, span: Span): Lowered {
  const { prefix, limit } = extent;
  if (value.length > limit) return settled(false, span);
  if (value.length === 0) return size("==", 0, extent, span);
  // A prefix that is not full is all there is.
  if (value.length < prefix || prefix === limit)
    return decided({ op: "text", field: "payload", test: "equals", value, span });
  return onlyIf(starts(value, prefix, span), seen(extent), span);
}

function startsWith({ value }: BytesLiteral, extent: Extent, span: Span): Lowered {
  const { prefix, limit } = extent;
  if (value.length > limit) return settled(false, span);
  if (value.length <= prefix) return decided(starts(value, prefix, span));
  return onlyIf(starts(value, prefix, span), seen(extent), span);
}

function starts(value: Uint8Array, prefix: number, span: Span): KernelTest {
  return { op: "text", field: "payload", test: "startsWith", value: value.subarray(0, prefix), span };
}

/** The kernel knows the size of what is shorter than the prefix, and of the rest that it is no shorter. */
function size(relation: Relation, value: number, extent: Extent, span: Span): Lowered {
  const { prefix, limit } = extent;
  const compare = (sign: Relation, to: number): KernelTest => {
    return { op: "compare", field: "prefix.length", relation: sign, value: BigInt(to), span };
  };
  if (value > limit) return settled(holds<number>(limit, relation, value), span);
  if (value < prefix || prefix === limit || (value === prefix && (relation === "<" || relation === ">=")))
    return decided(compare(relation, value));
  // From here on it holds for shorter ones either always or never.
  const shorter = holds<number>(0, relation, value);
  if (!shorter) return onlyIf(compare(">=", prefix), seen(extent), span);
  return opposite(onlyIf(compare(">=", prefix), seen(extent), span), span);
}

function anyOf(parts: readonly Lowered[], span: Span): Lowered {
  const bounds = parts.map((part) => part.bounds);
  const upper = junction<KernelTest>(
    "or",
    bounds.map((part) => part.upper),
    span,
  );
  const lower = junction<KernelTest>(
    "or",
    bounds.map((part) => part.lower),
    span,
  );
  const reason = parts.find((part) => part.reason !== undefined)?.reason;
  if (reason === undefined) return decided(upper);
  return { reason, bounds: { upper, lower, exact: false } };
}

function beyond(extent: Extent, span: Span): Lowered {
  return impossible(seen(extent), span);
}

function seen({ prefix, limit }: Extent): string {
  if (prefix === limit) return "the kernel compares the payload with bytes from its beginning only";
  return `the kernel looks at the first ${prefix} bytes of the payload only, and from the beginning`;
}

function isPayload(value: Value): boolean {
  return value.kind === "variable" && value.type === "bytes";
}

function isPayloadSize(value: Value): boolean {
  return value.kind === "size" && isPayload(value.of);
}
