/**
 * Encoding and sending over TLS, by each way of `senders.ts`: processes of their own, in turns, so that what else the machine
 * does is the same to all.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { makePki } from "../test/support/pki.ts";
import type { Received } from "./collector.ts";
import type { Measured, Round } from "./sender.ts";
import { SENDERS, type SenderName } from "./senders.ts";

const PAYLOADS = [64, 256, 1024, 16_384];
/** Below the exporter's `batchBytes`, so that every way makes the same batches; a record takes some 90 bytes beside its payload. */
const BATCH_BYTES = 120 * 1024;
const ROUND_MS = 500;

/** One of the processes. It ends when it is told to, or when this one does. */
class Child {
  readonly #process: ChildProcess;
  readonly #ended: Promise<never>;

  constructor(file: string, ...args: readonly (string | number)[]) {
    this.#process = fork(join(import.meta.dirname, file), args.map(String));
    this.#ended = once(this.#process, "exit").then(([code]: unknown[]) => {
      throw new Error(`${file} ${args.join(" ")} has ended (${String(code)})`);
    });
    this.#ended.catch(() => undefined);
  }

  /** Its next message; rejects when it ends instead. The type is what this file sends. */
  async message<Message>(): Promise<Message> {
    const [message] = (await Promise.race([once(this.#process, "message"), this.#ended])) as [Message];
    return message;
  }

  async round(round: Round): Promise<Measured> {
    this.#process.send(round);
    return this.message<Measured>();
  }

  async close(): Promise<void> {
    this.#process.disconnect();
    await this.#ended.catch(() => undefined);
    if (this.#process.exitCode !== 0) throw new Error(`a process has failed (${this.#process.exitCode})`);
  }
}

function perBatch(payload: number): number {
  return Math.floor(BATCH_BYTES / (payload + 90));
}

/** What the collector reads of each way must be the same. @throws when it is not */
async function verify(pki: string, payload: number): Promise<Received> {
  const collector = new Child("collector.ts", pki, "verify");
  const port = await collector.message<number>();
  let first: Received | undefined;
  for (const name of ["ring", "objects", "generic"] satisfies SenderName[]) {
    const sender = new Child("sender.ts", name, port, pki, payload, perBatch(payload));
    const { records } = await sender.round({ batches: 20 });
    const [received] = await Promise.all([collector.message<Received>(), sender.close()]);
    first ??= received;
    if (received.records !== records || JSON.stringify(received) !== JSON.stringify(first))
      throw new Error(
        `not the same at ${payload} B: ${name} ${JSON.stringify(received)}, ring ${JSON.stringify(first)}`,
      );
  }
  await collector.close();
  if (first === undefined) throw new Error("nothing was sent");
  return first;
}

type Rounds = Readonly<Record<SenderName, Measured[]>>;

async function measure(pki: string, payload: number, rounds: number): Promise<Rounds> {
  const collector = new Child("collector.ts", pki, "discard");
  const port = await collector.message<number>();
  const measured: Rounds = { ring: [], objects: [], generic: [], again: [] };
  const senders = SENDERS.map((name) => ({
    name,
    child: new Child("sender.ts", name, port, pki, payload, perBatch(payload)),
  }));
  for (let round = 0; round <= rounds; round++) {
    // Every second round the other way about: who comes first is no advantage.
    for (const { name, child } of round % 2 === 0 ? senders : senders.toReversed()) {
      const result = await child.round({ milliseconds: ROUND_MS });
      // The first one warms up.
      if (round > 0) measured[name].push(result);
    }
  }
  for (const { child } of senders) await child.close();
  await collector.close();
  return measured;
}

/** Ascending; the middle one is the median. */
function sorted(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b);
}

function median(values: readonly number[]): number {
  return sorted(values)[Math.floor(values.length / 2)] ?? NaN;
}

/** `4.1 (3.9-4.4)`: the median of the rounds' ratios, the least and the greatest. */
function ratio(over: readonly Measured[], under: readonly Measured[], what: "cpu" | "wall"): string {
  const ratios = sorted(over.map((round, index) => round[what] / (under[index]?.[what] ?? NaN)));
  const [least, middle, most] = [ratios[0] ?? NaN, median(ratios), ratios.at(-1) ?? NaN];
  return `${middle.toFixed(1)} (${least.toFixed(1)}-${most.toFixed(1)})`;
}

const COLUMNS = [
  ...["payload", "sent", "ring", "objects", "protobuf-es", "nothing encoded"],
  ...["protobuf-es / ring", "protobuf-es / objects", "in real time: protobuf-es / ring"],
];

function row(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/**
 * Prints a table in Markdown: bytes of a message for each record; the sending process's processor time for each record in
 * nanoseconds, by each way; ratios within the rounds.
 */
export async function compareSending(rounds: number): Promise<void> {
  const pki = makePki();
  try {
    console.log(row(COLUMNS));
    console.log(row(COLUMNS.map(() => "---:")));
    for (const payload of PAYLOADS) {
      const { bytes, records } = await verify(pki, payload);
      const { ring, objects, generic, again } = await measure(pki, payload, rounds);
      const ways = [ring, objects, generic, again];
      const costs = ways.map((way) => `${median(way.map(({ cpu }) => cpu)).toFixed(0)} ns`);
      const ratios = [
        ...[ratio(generic, ring, "cpu"), ratio(generic, objects, "cpu")],
        ratio(generic, ring, "wall"),
      ];
      console.log(row([`${payload} B`, `${(bytes / records).toFixed(0)} B`, ...costs, ...ratios]));
    }
  } finally {
    rmSync(pki, { recursive: true });
  }
}
