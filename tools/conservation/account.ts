/** Holds what was delivered against what was moved: for each connection, both of its ends, both directions. */
import type { DataRecord, GapRecord, TapRecord } from "@tcptracker/events";
import { findKills, losableWith, movedBytes, type Journal, type Range, type StreamName } from "./journal.ts";
import { locate, patternAt } from "./pattern.ts";

/** Bytes that are missing without a word, and what bounds them. */
export interface Silent {
  readonly bytes: number;
  /** What moved in the time in question, by the journal: `bytes` cannot be more. */
  readonly moved: number;
  /** That time. */
  readonly ms: number;
}

/** What became of the bytes that were moved, each seen from both ends. */
export interface Account {
  /** Directions of connections, each from one end: so many sums were compared. */
  readonly streams: number;
  readonly moved: number;
  readonly delivered: number;
  /** Declared missing, by cause. */
  readonly declared: Readonly<Record<string, number>>;
  /** In neither, because a tap was killed that had them. */
  readonly lost: Silent;
  /** In neither, because no tap was there after that. */
  readonly untapped: Silent;
  /** Killed taps of whose records none came out. */
  readonly mute: number;
  /** In neither, and moved at any other time. */
  readonly unaccounted: number;
  /** In more than one record, or beyond what was moved. */
  readonly twice: number;
  /** Delivered, but not the bytes that were sent there; or in a record that nothing says the place of. */
  readonly wrong: number;
}

/** Bytes that a record accounts for, by its own offset. */
interface Piece extends Range {
  /** Of a gap. */
  readonly cause?: string;
}

/** What one tap saw of a stream: its offsets begin with 0 when it first saw the connection. */
class Sighting {
  readonly pieces: Piece[] = [];
  wrong = 0;
  readonly #tag: number;
  /** Where in the stream this sighting begins; undefined until its bytes have told. */
  #base: number | undefined;
  #held: { readonly offset: number; readonly bytes: Buffer }[] = [];

  constructor(tag: number, base: number | undefined) {
    this.#tag = tag;
    this.#base = base;
  }

  add(record: DataRecord | GapRecord): void {
    const start = Number(record.offset);
    if (record.type === "gap") {
      this.pieces.push({ start, end: start + Number(record.size), cause: record.cause });
      return;
    }
    const bytes = Buffer.from(record.payload ?? []);
    if (bytes.length === 0) return;
    this.pieces.push({ start, end: start + bytes.length });
    const place = this.#base === undefined ? locate(this.#tag, bytes) : undefined;
    if (place !== undefined) this.#base = place - start;
    if (this.#base === undefined) this.#held.push({ offset: start, bytes });
    else this.#check(this.#base, start, bytes);
  }

  /** The pieces by their place in the stream; without a base there are none, and all of it is wrong. */
  place(): readonly Piece[] {
    const base = this.#base;
    if (base === undefined) {
      this.wrong += this.pieces.reduce((sum, { start, end }) => sum + end - start, 0);
      return [];
    }
    for (const { offset, bytes } of this.#held) this.#check(base, offset, bytes);
    this.#held = [];
    return this.pieces.map((piece) => ({ ...piece, start: piece.start + base, end: piece.end + base }));
  }

  #check(base: number, offset: number, bytes: Buffer): void {
    const right = base + offset >= 0 && patternAt(this.#tag, base + offset, bytes.length).equals(bytes);
    if (!right) this.wrong += bytes.length;
  }
}

/** Takes records as they were received, and says in the end what became of all bytes. */
export class Accountant {
  readonly #journal: Journal;
  readonly #index: ReadonlyMap<string, number>;
  readonly #sightings: Map<string, Sighting>[];

  constructor(journal: Journal) {
    this.#journal = journal;
    this.#index = new Map(journal.streams.map((name, index) => [keyOf(name), index]));
    this.#sightings = journal.streams.map(() => new Map<string, Sighting>());
  }

  /** Records of connections that are not the traffic's do not count. */
  add(record: TapRecord): void {
    if (record.type !== "data" && record.type !== "gap") return;
    const { local, remote, direction, connection } = record;
    const isServer = local.port === this.#journal.server;
    if (!isServer && remote.port !== this.#journal.server) return;
    const end = isServer ? "server" : "client";
    const stream = this.#index.get(keyOf({ port: isServer ? remote.port : local.port, end, direction }));
    if (stream === undefined) return;
    const sightings = this.#sightings[stream];
    let sighting = sightings?.get(connection.id);
    if (sighting === undefined) {
      sighting = new Sighting(this.#tagOf(stream), connection.joined === "start" ? 0 : undefined);
      sightings?.set(connection.id, sighting);
    }
    sighting.add(record);
  }

  close(): Account {
    const moved = movedBytes(this.#journal);
    const sighted = this.#sightings.map((each) => [...each.values()]);
    const pieces = sighted.map((each) => each.flatMap((sighting) => sighting.place()));
    const cover = pieces.map((each, stream) => unite(each, moved[stream] ?? 0));
    const covered = cover.map(({ ranges }) => ranges);
    const losable = findKills(this.#journal).map((kill) => losableWith(kill, this.#journal, covered));
    const missing = covered.map((ranges, stream) => holes(ranges, moved[stream] ?? 0));
    const lost = silent(
      missing,
      losable.map(({ withTap }) => withTap),
      losable.map(({ withTapMs }) => withTapMs),
    );
    const untapped = silent(
      missing,
      losable.map(({ withoutTap }) => withoutTap),
      losable.map(({ withoutTapMs }) => withoutTapMs),
    );
    const gaps = pieces.flat().filter(({ cause }) => cause !== undefined);
    const declared: Record<string, number> = {};
    for (const { start, end, cause = "" } of gaps) declared[cause] = (declared[cause] ?? 0) + end - start;
    return {
      streams: this.#journal.streams.length,
      moved: moved.reduce((sum, each) => sum + each, 0),
      delivered: sumOf(pieces.flat()) - sumOf(gaps),
      declared,
      ...{ lost, untapped, mute: losable.filter(({ cameOut }) => !cameOut).length },
      unaccounted: sumOf(missing.flat()) - lost.bytes - untapped.bytes,
      twice: cover.reduce((sum, { twice }) => sum + twice, 0),
      wrong: sighted.flat().reduce((sum, { wrong }) => sum + wrong, 0),
    };
  }

  /** What is received are the bytes of the other end's stream. */
  #tagOf(stream: number): number {
    const name = this.#journal.streams[stream];
    if (name === undefined || name.direction === "egress") return stream;
    const end = name.end === "client" ? "server" : "client";
    return this.#index.get(keyOf({ port: name.port, end, direction: "egress" })) ?? -1;
  }
}

function keyOf({ port, end, direction }: StreamName): string {
  return `${port}/${end}/${direction}`;
}

/** Ranges in order and apart from each other; and how many bytes were in several, or outside of the stream. */
function unite(ranges: readonly Range[], length = Infinity): { ranges: Range[]; twice: number } {
  const united: { start: number; end: number }[] = [];
  let twice = 0;
  for (const { start, end } of ranges.toSorted((a, b) => a.start - b.start)) {
    if (end <= start) continue;
    const last = united.at(-1);
    const from = Math.max(start, last?.end ?? 0);
    const to = Math.min(end, length);
    twice += end - start - Math.max(0, to - from);
    if (to <= from) continue;
    if (last?.end === from) last.end = to;
    else united.push({ start: from, end: to });
  }
  return { ranges: united, twice };
}

function holes(ranges: readonly Range[], length: number): Range[] {
  const starts = [0, ...ranges.map(({ end }) => end)];
  const ends = [...ranges.map(({ start }) => start), length];
  return starts
    .map((start, index) => ({ start, end: ends[index] ?? length }))
    .filter(({ start, end }) => end > start);
}

/** How much of what is missing lies in ranges of which there are some for each kill and stream. */
function silent(
  missing: readonly (readonly Range[])[],
  ranges: readonly (readonly Range[])[],
  times: readonly number[],
): Silent {
  const allowed = missing.map((_, stream) => unite(ranges.flatMap((each) => each[stream] ?? [])).ranges);
  const within = missing.map((each, stream) =>
    each.flatMap((hole) => (allowed[stream] ?? []).map((range) => intersect(range, hole))),
  );
  return {
    bytes: sumOf(within.flat()),
    moved: sumOf(allowed.flat()),
    ms: times.reduce((sum, each) => sum + each, 0),
  };
}

function intersect(a: Range, b: Range): Range {
  return { start: Math.max(a.start, b.start), end: Math.min(a.end, b.end) };
}

function sumOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + Math.max(0, end - start), 0);
}
