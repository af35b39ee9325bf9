import { expect, test } from "vitest";
import { crashOf } from "./machine.ts";

test.each([
  ["[    8.605365] BUG: kernel NULL pointer dereference, address: 0000000000000004", /^BUG: kernel NULL/],
  ["[  189.755443] Kernel panic - not syncing: Attempted to kill init!", /^Kernel panic/],
  ["[   12.000001] Unable to handle kernel paging request at virtual address dead0", /^Unable to handle/],
])("%s: it is done for", (line, crash) => {
  expect(crashOf(line)).toMatch(crash);
});

test.each(["== auto-auto", "[    1.000000] clocksource: Long readout interval", "Oops: in a text of a test"])(
  "%s: it is not",
  (line) => {
    expect(crashOf(line)).toBeUndefined();
  },
);
