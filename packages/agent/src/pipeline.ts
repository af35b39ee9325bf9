import type { TapRecord } from "@tcptracker/events";

/** Where records come from: batches, in order, until the source is stopped. */
export interface Source {
  batches(): AsyncIterable<readonly TapRecord[]>;
}

/** Looks at records in order: passes them on, changed or not, or drops them. */
export interface Stage {
  /** The next records come when these are done: what takes time must be bounded. */
  process(records: readonly TapRecord[]): readonly TapRecord[] | Promise<readonly TapRecord[]>;
}

/** Where records go. */
export interface Sink {
  /** Resolves when the sink can take more. */
  write(records: readonly TapRecord[]): Promise<void>;
  /** Writes what is held back. */
  close(): Promise<void>;
}

/** Moves everything from the source through the stages into every sink; resolves when the source has ended. */
export async function runPipeline(
  source: Source,
  stages: readonly Stage[],
  sinks: readonly Sink[],
): Promise<void> {
  try {
    for await (let records of source.batches()) {
      for (const stage of stages) records = await stage.process(records);
      if (records.length === 0) continue;
      for (const sink of sinks) await sink.write(records);
    }
  } catch (error) {
    // What went wrong first is what to report; the sinks write what they have all the same.
    await closeAll(sinks).catch(() => undefined);
    throw error;
  }
  await closeAll(sinks);
}

/** Closes every sink, also after one that fails; rejects with the first failure. */
async function closeAll(sinks: readonly Sink[]): Promise<void> {
  const closings = sinks.map((sink) => sink.close());
  await Promise.allSettled(closings);
  await Promise.all(closings);
}
