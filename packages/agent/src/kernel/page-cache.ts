import { randomBytes } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { BpfError, type BpfObject } from "@tcptracker/libbpf";
import { MAPS } from "@tcptracker/probes";
import { STAGE } from "@tcptracker/events";
import type { Candidate } from "./candidates.ts";

/** Whether the bytes of sendfile are recorded: they are in pages of a file that the kernel holds in memory. */
export interface PageCacheSupport {
  readonly seen: boolean;
  /** Why not. */
  readonly reason?: string;
}

/** Of a page, and of the mark at its start (bpf-programs/lib/page_cache.bpf.h). */
const PAGE_BYTES = 4096;
const MARK_BYTES = 64;

/** What `locate_pages` answers (`enum located`). */
const LOCATED = 1;
const WITHOUT_PAGES = 2;

/** Places, 1 GiB apart, that one run of `locate_pages` looks at. */
const PLACES_PER_RUN = 64;

/** The place is within the machine's memory, which has holes: at least so many GiB are looked at, in either direction. */
const LEAST_REACH = 1024;

/** Where files are that the kernel has pages of: shared memory first, which needs no disk. */
const DIRECTORIES: readonly string[] = ["/dev/shm", tmpdir(), "/var/tmp"];

/** The side of an attachment that reads what sendfile sends: what is wanted before the load, and what came of it. */
export class PageCache {
  readonly #candidate: Candidate;
  #support: PageCacheSupport = { seen: true };

  constructor(candidate: Candidate) {
    this.#candidate = candidate;
  }

  get support(): PageCacheSupport {
    return this.#support;
  }

  /** The programs to load. */
  get wanted(): readonly string[] {
    return this.#support.seen ? [this.#candidate.object.locatePages, this.#candidate.set.sendFile] : [];
  }

  /** The kernel refused one of them: sendfile is declared as a gap. */
  giveUp(error: unknown): void {
    this.#support = { seen: false, reason: error instanceof Error ? error.message : String(error) };
  }

  /** Finds out where the bytes of pages are, with a file of this process; never fails, because there is the rest of the tap. */
  locate(object: BpfObject): void {
    if (!this.#support.seen) return;
    const { set, object: probe } = this.#candidate;
    try {
      locateInSomeFile(object, probe.locatePages);
      const stages = object.map(set.fileStages === undefined ? MAPS.stages : MAPS.fileStages);
      stages.setFd(STAGE.send_file, object.program(set.sendFile));
    } catch (error) {
      this.giveUp(error);
    }
  }
}

/** Throws why none of the directories would do. */
function locateInSomeFile(object: BpfObject, locate: string): void {
  const reasons: string[] = [];
  for (const directory of DIRECTORIES) {
    const reason = locateIn(directory, object, locate);
    if (reason === undefined) return;
    reasons.push(`${directory}: ${reason}`);
  }
  throw new Error(`a file to look for is needed in one of these directories (${reasons.join("; ")})`);
}

/** Why a file in `directory` would not do, or undefined when it did. */
function locateIn(directory: string, object: BpfObject, locate: string): string | undefined {
  let file: number | undefined;
  try {
    file = makeFile(directory);
    return locateInFile(object, locate, file)
      ? undefined
      : "the bytes of a file there were not found in the kernel's memory";
  } catch (error) {
    if (error instanceof BpfError) throw error;
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** The descriptor of a new file without a name. */
function makeFile(directory: string): number {
  const name = join(directory, `tcptracker-${randomBytes(8).toString("hex")}`);
  const file = openSync(name, "wx+", 0o600);
  rmSync(name);
  return file;
}

function locateInFile(object: BpfObject, locate: string, file: number): boolean {
  const marks = randomBytes(2 * MARK_BYTES);
  for (const page of [0, 1]) {
    const content = Buffer.alloc(PAGE_BYTES);
    marks.copy(content, 0, page * MARK_BYTES, (page + 1) * MARK_BYTES);
    writeSync(file, content, 0, PAGE_BYTES, page * PAGE_BYTES);
  }
  object.writeVariable("page_marks", marks);
  for (const place of placesToLook()) {
    const context = new Uint8Array(BigInt64Array.of(BigInt(file), BigInt(place)).buffer);
    const { returnValue } = object.program(locate).testRun({ context });
    if (returnValue === LOCATED) return true;
    if (returnValue === WITHOUT_PAGES) return false;
  }
  return false;
}

/** The nearest first, on either side of where the kernel's own structures are. */
function* placesToLook(): Generator<number> {
  const reach = Math.max(LEAST_REACH, 4 * Math.ceil(totalmem() / 2 ** 30));
  for (let near = 0; near < reach; near += PLACES_PER_RUN) {
    yield near;
    yield -near - PLACES_PER_RUN;
  }
}
