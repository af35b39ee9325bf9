import { readFileSync, statSync } from "node:fs";
import { open, rename, writeFile, type FileHandle } from "node:fs/promises";
import type { Server } from "node:net";
import { lockPath, type BatchSink, type ReceivedBatch } from "@tcptracker/grpc-exporter";

/** What a file takes for its notes. */
export interface NoteLimits {
  /** Bytes of notes after which those that are out of date are left out; default 4 MiB. */
  readonly bytes: number;
  /** Exporters that are remembered; default 65,536. Beyond, those go that have sent nothing for longest; they say themselves what was acknowledged. */
  readonly exporters: number;
}

const LIMITS: NoteLimits = { bytes: 4 * 1024 * 1024, exporters: 65_536 };

/** One note for each batch: where the file ended after it, whose it was, which it was. */
const NOTE = /^(\d+) ([0-9a-f]{32}) (\d+)$/;

/**
 * Appends received records to a file, each batch once, also when this process is killed in the middle: beside it,
 * `FILE.batches` has a note of each batch that is whole. At the next start what follows the last note is cut off, and
 * comes again. One process writes to a file at a time: what another one is about to note must not be cut off.
 */
export class RecordFile implements BatchSink {
  readonly path: string;
  readonly #format: (batch: ReceivedBatch) => string;
  readonly #file: FileHandle;
  readonly #lock: Server;
  readonly #limits: NoteLimits;
  #notes: FileHandle;
  #end: number;
  #notesEnd = 0;
  /** Where notes are made fewer. */
  #compactAt: number;
  readonly #persisted: Map<string, number>;
  #writing: Promise<void> = Promise.resolve();
  #begun: Promise<void> | undefined;

  private constructor(
    path: string,
    format: (batch: ReceivedBatch) => string,
    lock: Server,
    files: readonly [FileHandle, FileHandle],
    known: ReturnType<typeof readNotes>,
    limits: NoteLimits,
  ) {
    this.path = path;
    this.#format = format;
    this.#lock = lock;
    [this.#file, this.#notes] = files;
    this.#persisted = known.persisted;
    this.#end = known.end ?? statSync(path).size;
    this.#limits = limits;
    this.#compactAt = limits.bytes;
  }

  /**
   * Opens the file, or makes it; nothing of it is changed yet. `format`: the text of a batch. Rejects when it cannot be
   * written, or another process has it open.
   */
  static async open(
    path: string,
    format: (batch: ReceivedBatch) => string,
    limits: NoteLimits = LIMITS,
  ): Promise<RecordFile> {
    // "a+" makes it, and keeps what is there; but appends wherever its position is.
    await (await open(path, "a+", 0o600)).close();
    const lock = await hold(path);
    try {
      const known = readNotes(notesOf(path));
      await (await open(notesOf(path), "a+", 0o600)).close();
      const files = [await open(path, "r+"), await open(notesOf(path), "r+")] as const;
      return new RecordFile(path, format, lock, files, known, limits);
    } catch (error) {
      lock.close();
      throw error;
    }
  }

  /** Cuts off what is not whole. The first batch does it, too, and the next one after a failure. */
  begin(): Promise<void> {
    this.#begun ??= this.#cut().catch((error: unknown) => {
      this.#begun = undefined;
      throw error;
    });
    return this.#begun;
  }

  persisted(exporter: string): number {
    return this.#persisted.get(exporter) ?? 0;
  }

  /** One batch after the other, whoever they come from. */
  write(batch: ReceivedBatch): Promise<void> {
    const turn = this.#writing.then(() => this.#append(batch));
    this.#writing = turn.catch(() => undefined);
    return turn;
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#begun?.catch(() => undefined);
    await this.#file.close();
    await this.#notes.close();
    this.#lock.close();
  }

  async #cut(): Promise<void> {
    // A file that somebody has made shorter since cannot be made longer again.
    this.#end = Math.min(this.#end, statSync(this.path).size);
    await this.#file.truncate(this.#end);
    await this.#compact();
  }

  async #append(batch: ReceivedBatch): Promise<void> {
    await this.begin();
    const text = Buffer.from(this.#format(batch));
    const end = this.#end + text.length;
    const note = Buffer.from(`${end} ${batch.exporter} ${batch.sequence}\n`);
    try {
      await writeAt(this.#file, text, this.#end);
      await writeAt(this.#notes, note, this.#notesEnd);
    } catch (error) {
      await this.#file.truncate(this.#end).catch(() => undefined);
      await this.#notes.truncate(this.#notesEnd).catch(() => undefined);
      throw error;
    }
    this.#end = end;
    this.#notesEnd += note.length;
    this.#remember(batch);
    if (this.#notesEnd <= this.#compactAt) return;
    // The batch is written and noted. Where there is no room for fewer notes, the many are good, too.
    await this.#compact().catch(() => (this.#compactAt = this.#notesEnd + this.#limits.bytes));
  }

  #remember({ exporter, sequence }: ReceivedBatch): void {
    // The last one to send is the last one to be forgotten.
    this.#persisted.delete(exporter);
    this.#persisted.set(exporter, sequence);
    for (const oldest of this.#persisted.keys()) {
      if (this.#persisted.size <= this.#limits.exporters) return;
      this.#persisted.delete(oldest);
    }
  }

  /** Writes one note for each exporter, in place of all there are. */
  async #compact(): Promise<void> {
    const lines = [...this.#persisted].map(
      ([exporter, sequence]) => `${this.#end} ${exporter} ${sequence}\n`,
    );
    const text = lines.join("");
    const path = notesOf(this.path);
    await writeFile(`${path}.tmp`, text, { mode: 0o600 });
    const [fewer, many] = [await open(`${path}.tmp`, "r+"), this.#notes];
    try {
      await rename(`${path}.tmp`, path);
    } catch (error) {
      await fewer.close();
      throw error;
    }
    this.#notes = fewer;
    this.#notesEnd = Buffer.byteLength(text);
    this.#compactAt = this.#notesEnd + this.#limits.bytes;
    await many.close();
  }
}

async function hold(path: string): Promise<Server> {
  try {
    return await lockPath(path);
  } catch (cause) {
    throw new Error("another process writes to it; give each collector a file of its own", { cause });
  }
}

function notesOf(path: string): string {
  return `${path}.batches`;
}

/** What the notes say; a last line that is cut off says nothing. */
function readNotes(path: string): { end: number | undefined; persisted: Map<string, number> } {
  const persisted = new Map<string, number>();
  let end: number | undefined;
  let text = "";
  try {
    text = readFileSync(path, "latin1");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  for (const line of text.split("\n").slice(0, -1)) {
    const [, length, exporter, sequence] = NOTE.exec(line) ?? [];
    if (length === undefined || exporter === undefined || sequence === undefined) break;
    end = Number(length);
    persisted.set(exporter, Number(sequence));
  }
  return { end, persisted };
}

async function writeAt(file: FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}
