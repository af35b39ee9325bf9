import { lookup } from "node:dns/promises";
import type { Endpoint, TapRecord } from "@tcptracker/events";
import type { Target } from "@tcptracker/grpc-exporter";
import type { Stage } from "../pipeline.ts";

/**
 * Leaves out the collector's end of the export: a collector on this host receives what is exported, which the tap sees,
 * which would be exported, which it would receive: more each time round. (This process's own end is not tapped at all.)
 */
export class WithoutCollector implements Stage {
  readonly #addresses: ReadonlySet<string>;
  readonly #port: number;
  #leftOut = 0;

  /** `addresses`: of the collector. */
  constructor(addresses: readonly string[], port: number) {
    this.#addresses = new Set(addresses);
    this.#port = port;
  }

  /** For this collector, by the addresses that its name has now; a name without an address has none to leave out. */
  static async of({ host, port }: Target): Promise<WithoutCollector> {
    const found = await lookup(host, { all: true }).catch(() => []);
    return new WithoutCollector(
      found.map(({ address }) => address),
      port,
    );
  }

  /** Records that were left out. */
  get leftOut(): number {
    return this.#leftOut;
  }

  process(records: readonly TapRecord[]): readonly TapRecord[] {
    const rest = records.filter(
      ({ local, remote }) => !this.#isCollector(local) && !this.#isCollector(remote),
    );
    this.#leftOut += records.length - rest.length;
    return rest;
  }

  #isCollector({ address, port }: Endpoint): boolean {
    return port === this.#port && this.#addresses.has(address);
  }
}
