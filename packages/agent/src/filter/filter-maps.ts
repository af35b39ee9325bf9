import { numberKey, type PlannedMap } from "@tcptracker/filter";
import { BpfError, BpfMap } from "@tcptracker/libbpf";

/** The maps that a filter has of its own, in the kernel. */
export class FilterMaps implements Disposable {
  readonly #maps = new Map<string, BpfMap>();
  readonly #sets = new Map<string, BpfMap>();

  /**
   * Creates and fills them.
   *
   * @throws BpfError when the kernel refuses one
   */
  constructor(plans: readonly PlannedMap[]) {
    try {
      for (const plan of plans) this.#create(plan);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** File descriptors, by the names in the plan. */
  get descriptors(): ReadonlyMap<string, number> {
    return new Map(Array.from(this.#maps, ([name, map]) => [name, map.fd]));
  }

  /**
   * Makes these cgroups the members of a set: new ones first, so that none that stays is ever missing; where there is no room for that,
   * after those that go.
   *
   * @throws BpfError when there are more than the set has room for: it has as many of them then
   */
  setMembers(set: string, cgroups: Iterable<bigint>): void {
    const map = this.#sets.get(set);
    if (map === undefined) return;
    const members = new Map(Array.from(cgroups, (cgroup) => [cgroup, numberKey(cgroup)]));
    const left = addWhileThereIsRoom(map, [...members.values()]);
    for (const key of map.keys()) if (!members.has(numberOf(key))) map.delete(key);
    for (const key of left) map.set(key, new Uint8Array(map.valueBytes));
  }

  /** Who is in a set. */
  membersOf(set: string): bigint[] {
    return Array.from(this.#sets.get(set)?.keys() ?? [], numberOf);
  }

  close(): void {
    for (const map of this.#maps.values()) map.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #create({ name, type, keySize, valueSize, maxEntries, flags, keys, set }: PlannedMap): void {
    const map = BpfMap.create({ type, keySize, valueSize, maxEntries, flags, name });
    this.#maps.set(name, map);
    if (set !== undefined) this.#sets.set(set, map);
    const value = new Uint8Array(map.valueBytes);
    for (const key of keys) map.set(key, value);
  }
}

/** Returns the keys that there was no room for. */
function addWhileThereIsRoom(map: BpfMap, keys: readonly Uint8Array[]): readonly Uint8Array[] {
  for (const [index, key] of keys.entries())
    try {
      map.set(key, new Uint8Array(map.valueBytes));
    } catch (error) {
      if (error instanceof BpfError && error.errnoName === "E2BIG") return keys.slice(index);
      throw error;
    }
  return [];
}

function numberOf(key: Uint8Array): bigint {
  return new DataView(key.buffer, key.byteOffset).getBigUint64(0, true);
}
