import { expect, test } from "vitest";
import { unseenLines } from "./unseen.ts";

const SEEN = { seen: true } as const;
const ALL = { hooks: [], missingHooks: [], ioUring: SEEN, pageCache: SEEN };

test("a tap that sees all that it can says nothing", () => {
  expect(unseenLines(ALL)).toEqual([]);
});

test("nor does one on a kernel without io_uring", () => {
  const ioUring = { seen: false, absent: true, reason: "it was built without io_uring" } as const;
  expect(unseenLines({ ...ALL, ioUring })).toEqual([]);
});

test("each part that the kernel refuses has its line, with the reason", () => {
  const hook = { program: "fexit_recvmmsg", target: "__x64_sys_recvmmsg" };
  const lines = unseenLines({
    hooks: [
      { program: "kprobe_read", target: "__x64_sys_read", limitation: "no tracefs" },
      { program: "kprobe_write", target: "__x64_sys_write", limitation: "no tracefs" },
      { program: "fexit_sendto", target: "__x64_sys_sendto", unpaired: "no memory" },
    ],
    missingHooks: [{ ...hook, reason: "not there" }],
    ioUring: { seen: false, reason: "before 6.0 its tracepoints tell too little" },
    pageCache: { seen: false },
  });
  expect(lines).toEqual([
    "__x64_sys_recvmmsg is not seen: not there",
    "io_uring is not recorded; what it moves on connections with other calls is declared: before 6.0 its tracepoints tell too little",
    "what sendfile sends is not recorded, but declared",
    "calls are missed while many others of the same kind wait: no tracefs",
    "__x64_sys_sendto has no second program for when the kernel skips the first: no memory",
  ]);
});
