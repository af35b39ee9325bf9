import { numberKey, type PlannedMap } from "@tcptracker/filter";
import { BpfMap } from "@tcptracker/libbpf";

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

  /** Makes these cgroups the members of a set: new ones first, so that none that stays is ever missing. */
  setMembers(set: string, cgroups: Iterable<bigint>): void {
    const map = this.#sets.get(set);
    if (map === undefined) return;
    const members = new Map(Array.from(cgroups, (cgroup) => [cgroup, numberKey(cgroup)]));
    for (const key of members.values()) map.set(key, new Uint8Array(map.valueBytes));
    for (const key of map.keys())
      if (!members.has(new DataView(key.buffer, key.byteOffset).getBigUint64(0, true))) map.delete(key);
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
