import type { AttributeSet, CgroupTarget } from "@tcptracker/containers";
import type { DynamicSet } from "@tcptracker/filter";
import { expect, test, vi } from "vitest";
import { FollowedSets } from "./followed-sets.ts";

function setOf(id: string): DynamicSet {
  return { id, attribute: id, key: undefined, accepts: () => true, span: { from: 0, to: 1 } };
}

/** Cgroups that come and go when the test says so. */
class FakeContainers {
  readonly targets = new Map<string, CgroupTarget>();
  initial: readonly bigint[] = [];

  follow(set: AttributeSet, target: CgroupTarget): () => void {
    for (const cgroup of this.initial) target.add(cgroup);
    this.targets.set(set.attribute, target);
    return () => this.targets.delete(set.attribute);
  }
}

test("the kernel has the members at once, then what changes, once for all that changes together", async () => {
  const containers = new FakeContainers();
  containers.initial = [1n, 2n];
  const told: [string, bigint[]][] = [];
  const sets = new FollowedSets([setOf("a"), setOf("b")], containers, (set, cgroups) => {
    told.push([set, [...cgroups]]);
  });
  expect(told).toEqual([
    ["a", [1n, 2n]],
    ["b", [1n, 2n]],
  ]);
  containers.targets.get("a")?.add(3n);
  containers.targets.get("a")?.delete(1n);
  expect(told).toHaveLength(2);
  await Promise.resolve();
  expect(told.slice(2)).toEqual([["a", [2n, 3n]]]);
  containers.targets.get("b")?.delete(1n);
  sets[Symbol.dispose]();
  await Promise.resolve();
  expect(told).toHaveLength(3);
  expect(containers.targets.size).toBe(0);
});

test("a set that is too large is a warning, once", async () => {
  const warn = vi.spyOn(process, "emitWarning").mockImplementation(() => undefined);
  const containers = new FakeContainers();
  using sets = new FollowedSets([setOf("a")], containers, () => {
    throw new Error("full");
  });
  containers.targets.get("a")?.add(1n);
  await Promise.resolve();
  containers.targets.get("a")?.add(2n);
  await Promise.resolve();
  expect(warn).toHaveBeenCalledTimes(1);
  expect(sets).toBeDefined();
  warn.mockRestore();
});
