import { IPV4, parseAddress, withoutNested } from "../names/addresses.ts";
import type { Literal, NetworksTest, Test } from "../typing/typed.ts";
import type { KernelExpression, KernelNetwork, KernelTest } from "./expression.ts";
import { constant, junction, negation } from "./logic.ts";
import { decided, impossible, opposite } from "./lowering.ts";
import type { Lowered } from "./lowering.ts";

const BITS = 128;

/** A test on the text of one address and on nothing else. */
export function lowerAddress(test: Test, side: "local" | "remote"): Lowered {
  const { span } = test;
  if (test.op === "member" && test.value.kind === "variable") return among(test.options);
  if (test.op === "relation" && test.left.kind === "variable" && test.right.kind === "literal") {
    if (test.relation === "==") return among([test.right]);
    if (test.relation === "!=") return opposite(among([test.right]), span);
  }
  const advice = `${side}.address.in("10.0.0.0/8") would run in the kernel`;
  return impossible(`the kernel has addresses as numbers, and this is about their text; ${advice}`, span);

  function among(literals: readonly Literal[]): Lowered {
    const addresses = literals.flatMap(({ value }) =>
      typeof value === "string" ? [parseAddress(value)] : [],
    );
    const networks = addresses.flatMap((address) => (address === undefined ? [] : [{ address, bits: BITS }]));
    return decided({ op: "inNetworks", side, networks: withoutNested(networks), span });
  }
}

export function lowerNetworks({ side, networks, wide, span }: NetworksTest): Lowered {
  const among = (those: readonly KernelNetwork[]): KernelExpression =>
    those.length === 0 ? constant(false, span) : { op: "inNetworks", side, networks: those, span };
  const ipv6 = junction<KernelTest>("and", [among(wide), negation<KernelTest>(among([IPV4]), span)], span);
  return decided(junction<KernelTest>("or", [among(networks), ipv6], span));
}
