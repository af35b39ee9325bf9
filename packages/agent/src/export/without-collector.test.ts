import { expect, test } from "vitest";
import { dataRecord } from "../../test/support/records.ts";
import { WithoutCollector } from "./without-collector.ts";

const collector = { address: "127.0.0.1", port: 4319 };
const peer = { address: "127.0.0.1", port: 50000 };

test("both ends of a connection to the collector are left out, and counted; nothing else is", () => {
  const stage = new WithoutCollector(["127.0.0.1", "::1"], 4319);
  const others = [
    dataRecord("", { local: peer, remote: { ...collector, port: 4320 } }),
    dataRecord("", { local: peer, remote: { ...collector, address: "192.0.2.1" } }),
  ];
  const own = [
    dataRecord("", { local: collector, remote: peer }),
    dataRecord("", { local: peer, remote: collector }),
    dataRecord("", { local: peer, remote: { ...collector, address: "::1" } }),
  ];
  expect(stage.process([...own, ...others])).toEqual(others);
  expect(stage.leftOut).toBe(3);
});

test("addresses are those of the name", async () => {
  const stage = await WithoutCollector.of({ host: "localhost", port: 4319 });
  expect(stage.process([dataRecord("", { remote: collector })])).toEqual([]);
  const none = await WithoutCollector.of({ host: "nowhere.invalid", port: 4319 });
  expect(none.process([dataRecord("", { remote: collector })])).toHaveLength(1);
});
