import { describe, expect, test } from "vitest";

import { leftovers, profileMisses } from "./kretprobe.ts";

describe("events that dead processes left", () => {
  const list = [
    "r4096:libbpf_kretprobes/n4026531836_p10_t0_1 tcp_sendmsg",
    "r16:libbpf_kretprobes/n4026531836_p11_t0_1 tcp_sendmsg",
    "r16:libbpf_kretprobes/n4026532000_p10_t3_2 tcp_recvmsg",
    "p:libbpf_kretprobes/n4026531836_p11_t0_2 tcp_sendmsg",
    "r16:kprobes/n4026531836_p11_t0_1 tcp_sendmsg",
    "r:someone_else/probe vfs_read arg1=%di",
    "",
  ].join("\n");

  test("are those of processes that are not there, and those of other namespaces", () => {
    expect(leftovers(list, "4026531836", (pid) => pid === 10)).toEqual([
      "n4026531836_p11_t0_1",
      "n4026532000_p10_t3_2",
    ]);
  });

  test("a kernel's list has none", () => {
    expect(leftovers("", "4026531836", () => false)).toEqual([]);
  });
});

test("misses in kprobe_profile", () => {
  const profile = [
    "  n1_p1_t0_1                                               12               0",
    "  n1_p1_t0_12                                             120             345",
    "",
  ].join("\n");
  expect([profileMisses(profile, "n1_p1_t0_1"), profileMisses(profile, "n1_p1_t0_12")]).toEqual([0, 345]);
  expect(profileMisses(profile, "n1_p1_t0_2")).toBeUndefined();
});
