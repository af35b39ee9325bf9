import type { CollectorEvent, CollectorStatistics, Target } from "@tcptracker/grpc-exporter";
import { formatTarget, isLoopback } from "@tcptracker/grpc-exporter/target";
import { formatBytes, plural } from "../format.ts";
import { printableName } from "../sinks/printable.ts";
import { Throttle } from "./throttle.ts";

/** Characters of a line: some of what it says comes from whoever knocks. */
const LONGEST_LINE = 500;
/** Of a name in it. */
const LONGEST_NAME = 80;

/** Says what happens to a collector: all of it, but what peers can cause only so often, and without what a terminal obeys. */
export class CollectorNarrator {
  readonly #say: (text: string) => void;
  readonly #streams: Throttle;
  readonly #refusals: Throttle;

  constructor(say: (text: string) => void) {
    this.#say = (text) => {
      say(printableName(text, LONGEST_LINE));
    };
    this.#streams = new Throttle(this.#say, "came or went");
    this.#refusals = new Throttle(this.#say, "were refused");
  }

  /** `now`: milliseconds of the monotonic clock. */
  tell(event: CollectorEvent, now: number = performance.now()): void {
    switch (event.type) {
      case "connected": {
        const { hostName, agentVersion, kernelRelease } = event.resource;
        const [host, agent, kernel] = [hostName, agentVersion, kernelRelease].map((name) =>
          printableName(name, LONGEST_NAME),
        );
        this.#streams.tell(`${event.peer} exports: ${host}, tcptracker ${agent}, Linux ${kernel}`, now);
        break;
      }
      case "disconnected":
        this.#streams.tell(`${event.peer} has gone`, now);
        break;
      case "refused":
        this.#refusals.tell(`refused: ${event.error.message}`, now);
        break;
      case "reloaded":
        this.#say("certificates or token have changed; new connections use them");
        break;
      case "problem":
        this.#say(event.error.message);
        break;
    }
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
