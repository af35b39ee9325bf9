import type { Attribution, Containers } from "@tcptracker/containers";
import type { RemoteNames, TapRecord } from "@tcptracker/events";
import type { Stage } from "../pipeline.ts";

/** Adds the container and the pod of the process to records, and whose the other end is, in order. */
export class AttributionStage implements Stage {
  readonly #containers: Pick<Containers, "of" | "waiting">;
  readonly #remoteNames: (address: string) => RemoteNames | undefined;

  /** `remoteNames`: whose the address of the other end is. */
  constructor(
    containers: Pick<Containers, "of" | "waiting">,
    remoteNames: (address: string) => RemoteNames | undefined = () => undefined,
  ) {
    this.#containers = containers;
    this.#remoteNames = remoteNames;
  }

  /** Takes time only in the first moments of a container, until its runtime has told its name. */
  process(records: readonly TapRecord[]): readonly TapRecord[] | Promise<readonly TapRecord[]> {
    const attributed = records.map((record) => this.#attribute(record));
    const waiting = new Set<Promise<void>>();
    for (const { cgroup } of records) {
      const wait = cgroup === undefined ? undefined : this.#containers.waiting(cgroup.id);
      if (wait !== undefined) waiting.add(wait);
    }
    if (waiting.size === 0) return attributed;
    return Promise.all(waiting).then(() => records.map((record) => this.#attribute(record)));
  }

  #attribute(record: TapRecord): TapRecord {
    const names = this.#remoteNames(record.remote.address);
    const named = names === undefined ? record : { ...record, remote: { ...record.remote, ...names } };
    if (record.cgroup === undefined) return named;
    const attribution: Attribution = this.#containers.of(record.cgroup.id, record.process.pid);
    return attribution.container === undefined ? named : { ...named, ...attribution };
  }
}
