/** The sets of a filter, in real maps. */
import { BpfError } from "@tcptracker/libbpf";
import { afterEach, expect, test } from "vitest";
import { FilterMaps } from "../../src/filter/filter-maps.ts";

const ROOM = 3;
const maps = new FilterMaps([
  { name: "members", type: "hash", keySize: 8, valueSize: 1, maxEntries: ROOM, flags: 0, keys: [], set: "s" },
]);
afterEach(() => {
  maps.setMembers("s", []);
});

test("members that go make room for those that come, and none that stays is taken out", () => {
  maps.setMembers("s", [1n, 2n, 3n]);
  maps.setMembers("s", [2n, 3n, 4n]);
  expect(members()).toEqual([2n, 3n, 4n]);
  maps.setMembers("s", [5n, 6n, 7n]);
  expect(members()).toEqual([5n, 6n, 7n]);
});

test("of more than there is room for, as many are in as there is, and the next update goes through", () => {
  maps.setMembers("s", [1n, 2n, 3n]);
  expect(() => {
    maps.setMembers("s", [3n, 4n, 5n, 6n]);
  }).toThrow(BpfError);
  expect(members()).toHaveLength(ROOM);
  expect(members()).not.toContain(1n);
  maps.setMembers("s", [7n]);
  expect(members()).toEqual([7n]);
});

function members(): bigint[] {
  return maps.membersOf("s").sort((one, other) => Number(one - other));
}
