// What the environment says about the machine that the tests run on: tools/kernels sets it inside its virtual machines.
import { ATTACH_STRATEGIES, TRANSPORTS, type TapOptions } from "../../../src/options.ts";

function chosen<const T extends string>(name: string, choices: readonly T[]): T | undefined {
  const value = process.env[name];
  if (value === undefined || value === "") return undefined;
  const choice = choices.find((one) => one === value);
  if (choice === undefined) throw new Error(`${name} must be one of ${choices.join(", ")}, not '${value}'`);
  return choice;
}

/** How the taps of the tests attach and read: TCPTRACKER_TEST_ATTACH, TCPTRACKER_TEST_TRANSPORT; default `auto`. */
export const CHOICE: Pick<TapOptions, "attach" | "transport"> = {
  attach: chosen("TCPTRACKER_TEST_ATTACH", ATTACH_STRATEGIES) ?? "auto",
  transport: chosen("TCPTRACKER_TEST_TRANSPORT", TRANSPORTS) ?? "auto",
};
