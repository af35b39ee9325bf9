import type { Attribution, Containers } from "@tcptracker/containers";
import type { TapRecord } from "@tcptracker/events";
import type { Stage } from "../pipeline.ts";

/** Adds the container and the pod of the process to records, in order. */
export class AttributionStage implements Stage {
  readonly #containers: Pick<Containers, "of" | "waiting">;

  constructor(containers: Pick<Containers, "of" | "waiting">) {
    this.#containers = containers;
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
    if (record.cgroup === undefined) return record;
    const attribution: Attribution = this.#containers.of(record.cgroup.id, record.process.pid);
    return attribution.container === undefined ? record : { ...record, ...attribution };
  }
}
