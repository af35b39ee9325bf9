// Where a kernel cannot do something, it must say so, and not load something else or record nothing.
import { expect, test } from "vitest";
import { Tap, TapError } from "../../../packages/agent/src/index.ts";
import { CHOICE } from "../../../packages/agent/test/kernel/support/environment.ts";

test("the combination is refused with an error that says what to do", async () => {
  const error = await (async (): Promise<unknown> => {
    try {
      await using tap = Tap.start(CHOICE);
      return `it taps, by ${tap.attachedAs}`;
    } catch (refusal) {
      return refusal;
    }
  })();
  expect(error).toBeInstanceOf(TapError);
  expect((error as TapError).code).toBe("ERR_TAP_NOT_SUPPORTED");
});
