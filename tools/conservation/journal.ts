/** What the traffic has done, in the order in which it did it: the truth that records are held against. */

/** A direction of a connection, seen from one of its ends. */
export interface StreamName {
  /** The port of the client: which connection. */
  readonly port: number;
  readonly end: "client" | "server";
  readonly direction: "egress" | "ingress";
}

/**
 * Something that happened to a stream. Bytes that were written moved between `write` and `written`; those that were read moved at
 * `read`. A `mark` belongs to no stream (-1). `time`: milliseconds since the traffic began.
 */
export type Event = readonly [
  kind: "write" | "written" | "read" | "mark",
  stream: number,
  size: number,
  time: number,
];

/** Everything that one process did, one thing after the other. */
export interface Journal {
  /** Where the connections go. */
  readonly server: number;
  readonly streams: readonly StreamName[];
  readonly events: readonly Event[];
}

/** The bytes of a stream from `start` to `end`. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** Between two marks a tap was killed and another one attached. */
export interface Kill {
  /** The tap was attached. */
  readonly since: number;
  /** It was dead, and the next one not yet begun. */
  readonly dead: number;
  /** The next one was attached. */
  readonly attached: number;
}

/** The sums of a stream, at the end. */
export function movedBytes({ streams, events }: Journal): readonly number[] {
  const sums = streams.map(() => 0);
  for (const [kind, stream, size] of events)
    if (kind === "write" || kind === "read") sums[stream] = (sums[stream] ?? 0) + size;
  return sums;
}

/** Calls that moved bytes, as far as the traffic knows: the kernel may have cut some of them in two. */
export function countCalls({ events }: Journal): number {
  return events.filter(([kind]) => kind === "write" || kind === "read").length;
}

/** The marks two by two. */
export function findKills({ events }: Journal): readonly Kill[] {
  const marks = events.flatMap(([kind], index) => (kind === "mark" ? [index] : []));
  const kills: Kill[] = [];
  for (let index = 0; index + 1 < marks.length; index += 2)
    kills.push({ since: marks[index - 1] ?? 0, dead: marks[index] ?? 0, attached: marks[index + 1] ?? 0 });
  return kills;
}

/** What may be missing without a word, because a tap was killed. */
export interface Losable {
  /** Of each stream, the bytes that moved from the last call of which anything came out until the tap was dead. */
  readonly withTap: readonly Range[];
  /** And those that moved from then until the next tap was attached. */
  readonly withoutTap: readonly Range[];
  /** Whether anything came out of what moved since `since`. */
  readonly cameOut: boolean;
  /** How long that was, in milliseconds. */
  readonly withTapMs: number;
  readonly withoutTapMs: number;
}

/**
 * What may be missing because of one kill. `covered`: of each stream, what came out, in order and apart from each other.
 *
 * The traffic is one thread, so all calls before that last one were in the ring, and in the batches, before it.
 */
export function losableWith(kill: Kill, journal: Journal, covered: readonly (readonly Range[])[]): Losable {
  const last = lastCovered(kill.dead, journal, covered);
  const until = (limit: number): Range[] => movedBetween(last, limit, journal);
  const withTap = until(kill.dead);
  const timeOf = (index: number): number => journal.events[index]?.[3] ?? 0;
  return {
    withTap,
    withoutTap: until(kill.attached).map(({ end }, stream) => ({ start: withTap[stream]?.end ?? 0, end })),
    cameOut: last > kill.since,
    withTapMs: timeOf(kill.dead) - timeOf(last),
    withoutTapMs: timeOf(kill.attached) - timeOf(kill.dead),
  };
}

/** Of each stream, the bytes that may have moved at event `first`, `last`, or in between. */
function movedBetween(first: number, last: number, { streams, events }: Journal): Range[] {
  const [starts, ends] = [streams.map(() => 0), streams.map(() => 0)];
  for (const [index, [kind, stream, size]] of events.entries()) {
    if (kind === "mark") continue;
    // A write that was still under way may have moved its bytes at any time until it was done.
    if (kind !== "write" && index < first) starts[stream] = (starts[stream] ?? 0) + size;
    if (kind !== "written" && index <= last) ends[stream] = (ends[stream] ?? 0) + size;
  }
  return starts.map((start, stream) => ({ start, end: Math.max(start, ends[stream] ?? 0) }));
}

/** The last event before `limit` of which a byte came out; 0 when there is none. */
function lastCovered(limit: number, journal: Journal, covered: readonly (readonly Range[])[]): number {
  const positions = journal.streams.map(() => 0);
  const next = journal.streams.map(() => 0);
  let last = 0;
  for (const [index, [kind, stream, size]] of journal.events.entries()) {
    if (index >= limit) break;
    if (kind !== "write" && kind !== "read") continue;
    const start = positions[stream] ?? 0;
    positions[stream] = start + size;
    const ranges = covered[stream] ?? [];
    let at = next[stream] ?? 0;
    while ((ranges[at]?.end ?? Infinity) <= start) at++;
    next[stream] = at;
    if ((ranges[at]?.start ?? Infinity) < start + size) last = index;
  }
  return last;
}
