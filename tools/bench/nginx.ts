// What a tap costs a web server: requests per second of a saturated nginx, tapped in several ways, as a ratio to the
// untapped server in the same round. `npm run bench:nginx` (as root); needs nginx, wrk and tcpdump.
import { parseArgs } from "node:util";
import { loadTapped, printLoad, startUntil, tcptracker, type Tapping } from "./web-server.ts";

/** Decodes every record and does nothing with it: the tap without what its output costs. */
const DISCARD = `
import { Tap } from "@tcptracker/agent";
const tap = Tap.start();
process.on("SIGINT", () => void tap.stop());
console.error("tapping");
for await (const records of tap.batches()) void records;
`;

const TAPPINGS: readonly Tapping[] = [
  { name: "untapped", start: () => Promise.resolve(undefined) },
  {
    name: "Tap, records discarded",
    start: () => startUntil(process.execPath, ["--input-type=module", "--eval", DISCARD], /tapping/),
  },
  { name: "tcptracker --json -s 0", start: tcptracker("--snaplen", "0") },
  { name: "tcptracker --json", start: tcptracker() },
  {
    name: "tcpdump -s0 -w",
    start: (port) =>
      startUntil("tcpdump", ["-i", "lo", "-s0", "-w", "/dev/null", "port", String(port)], /listening on/),
  },
];

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "3" },
    connections: { type: "string", default: "16" },
  },
});
const options = {
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  connections: Number(values.connections),
};
printLoad(await loadTapped(TAPPINGS, options), options);
