import { parseAddress, withoutNested } from "../names/addresses.ts";
import type { Literal, Test } from "../typing/typed.ts";
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
