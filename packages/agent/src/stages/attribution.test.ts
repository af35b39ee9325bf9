import type { Attribution } from "@tcptracker/containers";
import { expect, test } from "vitest";
import { closeRecord, dataRecord, openRecord } from "../../test/support/records.ts";
import { AttributionStage } from "./attribution.ts";

const web = { container: { id: "4f79", name: "web" }, pod: { name: "web-1", namespace: "shop" } };
const inWeb = { cgroup: { id: 7n } };

/** Knows what it is told. */
class FakeContainers {
  readonly asked: [bigint, number | undefined][] = [];
  readonly attributions = new Map<bigint, Attribution>();
  readonly waits = new Map<bigint, Promise<void>>();

  of(cgroup: bigint, pid?: number): Attribution {
    this.asked.push([cgroup, pid]);
    return this.attributions.get(cgroup) ?? {};
  }

  waiting(cgroup: bigint): Promise<void> | undefined {
    return this.waits.get(cgroup);
  }
}

test("adds what is known, in order, and leaves the others as they are", () => {
  const containers = new FakeContainers();
  containers.attributions.set(7n, web);
  const outside = dataRecord("a", { cgroup: { id: 8n } });
  const without = closeRecord();
  const records = [openRecord(inWeb), outside, without, dataRecord("b", inWeb)];
  const processed = new AttributionStage(containers).process(records);
  expect(processed).toEqual([{ ...records[0], ...web }, outside, without, { ...records[3], ...web }]);
  expect(containers.asked).toEqual([
    [7n, 25914],
    [8n, 25914],
    [7n, 25914],
  ]);
});

test("waits for a container's first moments, and knows then what there was to wait for", async () => {
  const containers = new FakeContainers();
  containers.attributions.set(7n, { container: { id: "4f79" } });
  const named = Promise.withResolvers<undefined>();
  containers.waits.set(
    7n,
    named.promise.then(() => {
      containers.attributions.set(7n, web);
    }),
  );
  const processed = new AttributionStage(containers).process([openRecord(inWeb)]);
  expect(processed).toBeInstanceOf(Promise);
  named.resolve(undefined);
  expect(await processed).toEqual([openRecord({ ...inWeb, ...web })]);
});

test("names the other end, also of processes outside of containers", () => {
  const names = { service: { name: "cart", namespace: "shop" } };
  const stage = new AttributionStage(new FakeContainers(), (address) =>
    address === "10.96.0.10" ? names : undefined,
  );
  const [near, far] = [openRecord(), openRecord({ remote: { address: "10.96.0.10", port: 80 } })];
  expect(stage.process([near, far])).toEqual([near, { ...far, remote: { ...far.remote, ...names } }]);
});
