import { isDeepStrictEqual } from "node:util";
import type { FilterStatus } from "../filter/tap-filter.ts";
import type { Configured } from "./configured-command.ts";
import type { TapCommand } from "./tap-options.ts";

/** A running tap, as far as its filter is concerned. */
export interface Filtered {
  readonly filter: FilterStatus | undefined;
  setFilter(text: string | undefined): void;
}

/**
 * Reads the configuration again each time SIGHUP comes. A changed filter is put in force; of anything else that has changed it
 * says that it needs a restart. Whatever is wrong, the tap goes on as it was. Without a file, SIGHUP keeps its default action.
 */
export class ConfigReloader implements Disposable {
  readonly #tap: Filtered;
  readonly #read: () => Promise<Configured<TapCommand>>;
  readonly #say: (text: string) => void;
  readonly #started: Configured<TapCommand>;
  #filter: string | undefined;
  #reading: Promise<void> | undefined;
  #again = false;
  #disposed = false;
  readonly #onSignal = (): void => {
    // The file may have changed since it was opened.
    if (this.#reading !== undefined) this.#again = true;
    else this.#start();
  };

  /** @param started - what the tap was started with */
  constructor(
    tap: Filtered,
    started: Configured<TapCommand>,
    read: () => Promise<Configured<TapCommand>>,
    say: (text: string) => void,
  ) {
    this.#tap = tap;
    this.#started = started;
    this.#read = read;
    this.#say = say;
    this.#filter = started.options.filter;
    if (started.config !== undefined) process.on("SIGHUP", this.#onSignal);
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
    process.removeListener("SIGHUP", this.#onSignal);
  }

  #start(): void {
    this.#reading = this.#reload().finally(() => {
      this.#reading = undefined;
      if (!this.#again || this.#disposed) return;
      this.#again = false;
      this.#start();
    });
  }

  async #reload(): Promise<void> {
    try {
      const next = await this.#read();
      if (!this.#disposed) this.#apply(next);
    } catch (error) {
      this.#say(error instanceof Error ? error.message : String(error));
      this.#say("the tap goes on as it was");
    }
  }

  #apply(next: Configured<TapCommand>): void {
    const { filter } = next.options;
    const changes: string[] = [];
    if (filter !== this.#filter) {
      this.#tap.setFilter(filter);
      this.#filter = filter;
      changes.push(filter === undefined ? "no filter any more" : `the filter is ${inOneLine(filter)}`);
    }
    const others = changedSettings(this.#started, next).filter((name) => name !== "filter");
    if (others.length > 0) changes.push(`${others.join(", ")} changed, which needs a restart`);
    this.#say(
      `${next.config ?? ""} is read again: ${changes.length === 0 ? "nothing has changed" : changes.join("; ")}`,
    );
    sayRefusal(this.#tap.filter, this.#say);
  }
}

/** Until the reloader is there, SIGHUP is only noted, and not the end. Returns how to hand over what was noted. */
export function holdHangups({ config }: Configured<TapCommand>): () => void {
  if (config === undefined) return () => undefined;
  let isNoted = false;
  const note = (): void => {
    isNoted = true;
  };
  process.on("SIGHUP", note);
  return () => {
    process.removeListener("SIGHUP", note);
    if (isNoted) process.kill(process.pid, "SIGHUP");
  };
}

function changedSettings(
  { settings: before }: Configured<TapCommand>,
  { settings: after }: Configured<TapCommand>,
): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !isDeepStrictEqual(before[name], after[name]));
}

/** A filter may be long, and have lines. */
function inOneLine(filter: string): string {
  const line = filter.replace(/[\s\p{Cc}]+/gu, " ").trim();
  return line.length > 200 ? `${line.slice(0, 200)}…` : line;
}

/** A kernel that refuses the programs of a filter costs time, and nothing else. */
export function sayRefusal(filter: FilterStatus | undefined, say: (text: string) => void): void {
  if (filter?.refusal !== undefined)
    say(
      `the kernel refuses the filter's programs, so that all of it is decided here: ${filter.refusal.message}`,
    );
}
