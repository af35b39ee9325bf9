import type { CollectorEvent, CollectorStatistics, Target } from "@tcptracker/grpc-exporter";
import { formatTarget, isLoopback } from "@tcptracker/grpc-exporter/target";
import { formatBytes, plural } from "../format.ts";

/** Refusals that are told one by one before only their number is told. */
const MOST_TOLD = 10;
const INTERVAL = 10_000;

/** Says what happens to a collector: all of it, but refusals only so often, whoever knocks. */
export class CollectorNarrator {
  readonly #say: (text: string) => void;
  #since = -Infinity;
  #told = 0;
  #untold = 0;

  constructor(say: (text: string) => void) {
    this.#say = say;
  }

  /** `now`: milliseconds of the monotonic clock. */
  tell(event: CollectorEvent, now: number = performance.now()): void {
    switch (event.type) {
      case "connected": {
        const { hostName, agentVersion, kernelRelease } = event.resource;
        this.#say(`${event.peer} exports: ${hostName}, tcptracker ${agentVersion}, Linux ${kernelRelease}`);
        break;
      }
      case "disconnected":
        this.#say(`${event.peer} has gone`);
        break;
      case "refused":
        this.#tellRefused(event.error.message, now);
        break;
      case "reloaded":
        this.#say("certificates or token have changed; new connections use them");
        break;
      case "problem":
        this.#say(event.error.message);
        break;
    }
  }

  #tellRefused(message: string, now: number): void {
    if (now - this.#since > INTERVAL) {
      if (this.#untold > 0) this.#say(`${this.#untold} more were refused`);
      [this.#since, this.#told, this.#untold] = [now, 0, 0];
    }
    if (this.#told < MOST_TOLD) {
      this.#told++;
      this.#say(`refused: ${message}`);
    } else this.#untold++;
  }
}

/** `127.0.0.1:4319 in plaintext (loopback)`. */
export function describeListening(
  address: Target,
  { tls, mutual, token }: { tls: boolean; mutual: boolean; token: boolean },
): string {
  const plaintext = isLoopback(address.host)
    ? "in plaintext (loopback)"
    : "in PLAINTEXT (--insecure): whoever is on the way can read and change it";
  const wanted = [...(mutual ? ["client certificates"] : []), ...(token ? ["a token"] : [])];
  return [
    `collecting on ${formatTarget(address)} ${tls ? "by TLS" : plaintext}`,
    ...(wanted.length > 0 ? [`wants ${wanted.join(" and ")}`] : []),
    "Ctrl-C stops",
  ].join("; ");
}

/** What a person wants to know at the end. */
export function collectorSummary({
  batches,
  records,
  bytes,
  duplicates,
  unknownRecords,
  refused,
}: CollectorStatistics): string[] {
  return [
    `received ${plural(records, "record")} in ${batches} ${batches === 1 ? "batch" : "batches"}, ${formatBytes(bytes)}; ${duplicates} came again and were left out`,
    ...(unknownRecords > 0 ? [`${plural(unknownRecords, "record")} of a later version left out`] : []),
    ...(refused > 0 ? [`${refused} connections or streams refused`] : []),
  ];
}
