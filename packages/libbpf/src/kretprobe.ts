import { closeSync, constants, existsSync, openSync, readFileSync, readlinkSync, writeSync } from "node:fs";
import { threadId } from "node:worker_threads";

import { EBUSY, ENOENT } from "./errno.ts";
import { openTracefs } from "./tracefs.ts";

/**
 * Return probes made through tracefs (`kprobe_events`), because only there the kernel takes a number of calls that may be
 * under way at the same time. Such an event outlives its process. Its name says whose it is, so that the leftovers of dead
 * processes can be told apart and removed.
 */
const GROUP = "libbpf_kretprobes";

/** What the kernel allows (KRETPROBE_MAXACTIVE_MAX). */
export const MAX_ACTIVE = 4096;

/** An event in tracefs. */
export interface KretprobeEvent {
  /** What perf_event_open takes as `config`. */
  readonly id: number;
  /** Hits that the kernel missed; undefined when it does not say. */
  missed(): number | undefined;
  /** Removes the event. Whatever was attached to it must be closed. */
  remove(): void;
}

let counter = 0;

/** "4026531836": process ids mean something within their namespace only. */
function namespaceId(): string {
  return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
}

function errnoOf(error: unknown): number | undefined {
  if (!(error instanceof Error && "errno" in error)) return undefined;
  return typeof error.errno === "number" ? Math.abs(error.errno) : undefined;
}

/** Adds a line to the list of probes. Never opened in any other way: truncating the file removes everybody's probes. */
function write(tracefs: string, line: string): void {
  const fd = openSync(`${tracefs}/kprobe_events`, constants.O_WRONLY | constants.O_APPEND);
  try {
    writeSync(fd, line);
  } finally {
    closeSync(fd);
  }
}

/** A probe that was closed a moment ago is busy until the kernel is through with it. */
const REMOVE_ATTEMPTS = 100;
const REMOVE_PAUSE_MS = 2;

function remove(tracefs: string, name: string, attempts: number): void {
  for (let attempt = 1; ; attempt++) {
    try {
      write(tracefs, `-:${GROUP}/${name}`);
      return;
    } catch (error) {
      // Gone already, or still in use: then it is left to the next process.
      if (errnoOf(error) !== EBUSY || attempt >= attempts) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, REMOVE_PAUSE_MS);
    }
  }
}

/** The events in the list whose process, as their name tells, is not there any more or cannot be seen from here. */
export function leftovers(list: string, namespace: string, alive: (pid: number) => boolean): string[] {
  return [...list.matchAll(new RegExp(`^r\\d*:${GROUP}/(n(\\d+)_p(\\d+)_\\S+)`, "gm"))]
    .filter(([, , where, pid]) => where !== namespace || !alive(Number(pid)))
    .map(([, name = ""]) => name);
}

/** Removes what dead processes have left. The kernel refuses where the process lives in a namespace out of sight. */
function removeLeftovers(tracefs: string): void {
  const list = readFileSync(`${tracefs}/kprobe_events`, "utf8");
  const alive = (pid: number): boolean => existsSync(`/proc/${pid}`);
  for (const name of leftovers(list, namespaceId(), alive)) remove(tracefs, name, 1);
}

/** The misses of an event, in the text of kprobe_profile: name, hits, misses. */
export function profileMisses(profile: string, name: string): number | undefined {
  const line = profile.split("\n").find((text) => text.trim().startsWith(`${name} `));
  const misses = line?.trim().split(/\s+/)[2];
  return misses === undefined ? undefined : Number(misses);
}

/**
 * Makes an event for the return of a kernel function.
 *
 * @throws what tracefs throws: it is not there, may not be written, or the function cannot be probed
 */
export function createKretprobe(fn: string, maxActive: number): KretprobeEvent {
  const tracefs = openTracefs();
  if (!existsSync(`${tracefs}/kprobe_events`)) {
    throw Object.assign(new Error("this kernel has no kprobe events (CONFIG_KPROBE_EVENTS)"), {
      errno: ENOENT,
    });
  }
  removeLeftovers(tracefs);
  const name = `n${namespaceId()}_p${process.pid}_t${threadId}_${++counter}`;
  write(tracefs, `r${maxActive}:${GROUP}/${name} ${fn}`);
  try {
    const id = Number(readFileSync(`${tracefs}/events/${GROUP}/${name}/id`, "utf8"));
    return {
      id,
      missed() {
        try {
          return profileMisses(readFileSync(`${tracefs}/kprobe_profile`, "utf8"), name);
        } catch {
          return undefined;
        }
      },
      remove: () => remove(tracefs, name, REMOVE_ATTEMPTS),
    };
  } catch (error) {
    remove(tracefs, name, REMOVE_ATTEMPTS);
    throw error;
  }
}
