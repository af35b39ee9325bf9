/** The functions that tcpdump users know: they look at both ends of a connection. */
import type { KernelNetwork, Span } from "../kernel/expression.ts";
import { parseNetwork, spansIpv4, withoutNested } from "../names/addresses.ts";
import { findVariable } from "../names/variables.ts";
import type { Syntax } from "../syntax/syntax.ts";
import { expectText, fail, isValue, quote } from "./context.ts";
import type { Context } from "./context.ts";
import type { Condition, IntLiteral, Value } from "./typed.ts";

type Side = "local" | "remote";
const SIDES: readonly Side[] = ["local", "remote"];
const PORT_LIMIT = 65_535n;

/** `port(80)` or `port([80, 443])`. */
export function portTest(context: Context, syntax: Syntax, span: Span): Condition {
  const options = elements(syntax).map((element) => port(context, element));
  if (options.length === 0) return { op: "constant", value: false, span };
  return { op: "or", operands: SIDES.map((side) => portOf(side, options, span)), span };
}

function portOf(side: Side, options: readonly IntLiteral[], span: Span): Condition {
  const variable = findVariable(`${side}.port`);
  if (variable === undefined) throw new TypeError("there is no such side");
  const value: Value = { kind: "variable", type: "int", variable, span };
  const [only, ...more] = options;
  if (only !== undefined && more.length === 0)
    return { op: "relation", relation: "==", left: value, right: only, span };
  return { op: "member", value, options, span };
}

function port(context: Context, syntax: Syntax): IntLiteral {
  const typed = context.infer(syntax);
  if (!isValue(typed) || typed.kind !== "literal" || typed.type !== "int")
    return fail(context, "ERR_FILTER_TYPE", "a port is a number, as in port(8080)", syntax.span);
  if (typed.value >= 0n && typed.value <= PORT_LIMIT) return typed;
  return fail(context, "ERR_FILTER_RANGE", `a port is 0 to ${PORT_LIMIT}, never ${typed.value}`, syntax.span);
}

/** `host("10.0.0.0/8")`, `net("10")`, or a list of them. */
export function eitherSide(context: Context, syntax: Syntax, short: boolean, span: Span): Condition {
  const networks = elements(syntax).map((element) => network(context, element, short));
  return { op: "or", operands: SIDES.map((side) => networksTest(side, networks, span)), span };
}

/** `remote.address.in("10.0.0.0/8")`, or a list. */
export function oneSide(context: Context, value: Value, syntax: Syntax, span: Span): Condition {
  const address =
    value.kind === "variable" && value.variable.type === "string" && value.variable.text.kind === "address"
      ? value.variable.text
      : undefined;
  if (address === undefined) {
    const what = quote(context, value.span);
    const reason = `"in" with a point is for local.address and remote.address; for ${what} write ${what} in […]`;
    return fail(context, "ERR_FILTER_TYPE", reason, span);
  }
  const networks = elements(syntax).map((element) => network(context, element, false));
  return networksTest(address.side, networks, span);
}

function network(context: Context, syntax: Syntax, short: boolean): KernelNetwork {
  const { value, span } = expectText(context, syntax, "a network");
  const parsed = parseNetwork(value, short);
  return "reason" in parsed ? fail(context, "ERR_FILTER_ADDRESS", parsed.reason, span) : parsed;
}

function networksTest(side: Side, networks: readonly KernelNetwork[], span: Span): Condition {
  if (networks.length === 0) return { op: "constant", value: false, span };
  const wide = withoutNested(networks.filter(spansIpv4));
  const narrow = withoutNested(networks.filter((one) => !spansIpv4(one)));
  return { op: "networks", side, networks: narrow, wide, span };
}

function elements(syntax: Syntax): readonly Syntax[] {
  return syntax.kind === "list" ? syntax.elements : [syntax];
}
