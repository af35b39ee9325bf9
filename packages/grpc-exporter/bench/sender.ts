/**
 * A sending process of `send.ts`: does one round whenever its parent asks for one.
 *
 *   fork("sender.ts", [NAME, PORT, DIRECTORY_OF_CERTIFICATES, PAYLOAD_BYTES, RECORDS_PER_BATCH])
 */
import { setImmediate as turn, setTimeout as delay } from "node:timers/promises";
import { kernelBatch } from "./ring.ts";
import { startSender, SENDERS } from "./senders.ts";

/** What to send: for so many milliseconds, or so many batches. */
export type Round = { readonly milliseconds: number } | { readonly batches: number };

/** What it took, from the first record in the ring to the last acknowledgement. */
export interface Measured {
  readonly records: number;
  /** Nanoseconds for each record: of processor time of this process, all threads; and of real time. */
  readonly cpu: number;
  readonly wall: number;
}

/** Batches that wait before the sender pauses: so many fill the window of what is not acknowledged, and no queue. */
const MOST_WAITING = 64;
const DRAIN_MS = 30_000;

const [name, port, pki = "", payload, count] = process.argv.slice(2);
const known = SENDERS.find((sender) => sender === name);
if (known === undefined) throw new Error(`no way to send is called '${name ?? ""}'`);
const sender = await startSender(known, Number(port), pki);
const batch = kernelBatch(Number(payload), Number(count));

async function atMost(waiting: number): Promise<void> {
  const deadline = performance.now() + DRAIN_MS;
  // A timer: to look at every turn of the loop would itself take processor time.
  while (sender.waiting > waiting) {
    if (performance.now() > deadline) throw new Error("the collector does not acknowledge");
    await delay(1);
  }
}

async function send(round: Round): Promise<Measured> {
  const began = performance.now();
  const before = process.cpuUsage();
  let batches = 0;
  const isDone = (): boolean =>
    "batches" in round ? batches >= round.batches : performance.now() - began >= round.milliseconds;
  for (; !isDone(); batches++) {
    await sender.send(batch);
    await turn();
    // Now and then: asking the exporter for its statistics is not what is measured.
    if (batches % 16 === 0) await atMost(MOST_WAITING);
  }
  await atMost(0);
  const { user, system } = process.cpuUsage(before);
  const records = batches * Number(count);
  const wall = ((performance.now() - began) * 1e6) / records;
  return { records, cpu: ((user + system) * 1e3) / records, wall };
}

process.on("message", (round: Round) => {
  void send(round).then((measured) => process.send?.(measured));
});
process.on("disconnect", () => {
  void sender.close().then(() => process.exit());
});
