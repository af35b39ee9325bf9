// What a filter costs: per run in the kernel, and to a saturated nginx of which it keeps nothing, held against an untapped
// one, and against a tap without a filter that captures nothing. `npm run bench:filter` (as root); needs nginx and wrk.
import { parseArgs } from "node:util";
import { explainFilter, type Measurement } from "@tcptracker/agent";
import { loadTapped, median, printLoad, startUntil, tcptracker, type Tapping } from "./web-server.ts";

const SNAPLEN = 262_144;

/** Networks that all begin alike, and as the last of them the one of the call that is measured: as far as a trie is deep. */
function networks(count: number): string {
  const others = Array.from({ length: count - 1 }, (_, i) => `"127.${128 + (i >> 8)}.${i & 255}.0/24"`);
  return `remote.address.in([${[...others, '"127.0.0.0/24"'].join(", ")}])`;
}

function costs(measured: Measurement | undefined): { readonly first: number; readonly later: number } {
  if (measured === undefined || "reason" in measured)
    throw new Error(`not measured: ${measured?.reason ?? "no program"}`);
  return { first: measured.firstCallNs, later: measured.laterCallsNs };
}

/** Both in turns, so that what else the machine does is the same to them. */
function compareNetworks(rounds: number): void {
  const [one, thousand] = [networks(1), networks(1000)];
  const ratios: { first: number[]; later: number[] } = { first: [], later: [] };
  for (let round = 0; round < rounds; round++) {
    const base = costs(explainFilter(one, SNAPLEN).measured);
    const many = costs(explainFilter(thousand, SNAPLEN).measured);
    ratios.first.push(many.first / base.first);
    ratios.later.push(many.later / base.later);
    console.log(
      `  1 network ${base.first} and ${base.later} ns, 1,000 networks ${many.first} and ${many.later} ns`,
    );
  }
  console.log(`1,000 networks against 1, medians of ${rounds} rounds:`);
  console.log(
    `  first call on a connection ${median(ratios.first).toFixed(2)}, later calls ${median(ratios.later).toFixed(2)}`,
  );
}

/** A tap without a filter that captures nothing and throws the records away. */
const DISCARD = `
import { Tap } from "@tcptracker/agent";
const tap = Tap.start({ snaplen: 0 });
process.on("SIGINT", () => void tap.stop());
console.error("tapping");
for await (const records of tap.batches()) void records;
`;

const TAPPINGS: readonly Tapping[] = [
  { name: "untapped", start: () => Promise.resolve(undefined) },
  {
    name: "no filter, snaplen 0, records discarded",
    start: () => startUntil(process.execPath, ["--input-type=module", "--eval", DISCARD], /tapping/),
  },
  { name: "--filter 'remote.port == 1'", start: tcptracker("--filter", "remote.port == 1") },
  { name: "--filter 1,000 other networks", start: tcptracker("--filter", `!${networks(1000)}`) },
  { name: "--filter 'process.name == \"curl\"'", start: tcptracker("--filter", 'process.name == "curl"') },
  {
    name: "--filter 'payload.startsWith(b\"PUT \")'",
    start: tcptracker("--filter", 'payload.startsWith(b"PUT ")'),
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
compareNetworks(options.rounds);
printLoad(await loadTapped(TAPPINGS, options), options);
