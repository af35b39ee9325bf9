/** What a workload is, and what it gets to work with. */
import { randomFillSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { TapOptions } from "@tcptracker/agent";
import type { AnyGapCause } from "@tcptracker/events";
import type { Child, ChildOptions, Children } from "./children.ts";
import { locate, type Program } from "./programs.ts";
import { freePort, isListening } from "./sockets.ts";
import { until } from "./until.ts";

/** Makes the connections: everything that it starts has ended when it resolves. */
export type Drive = () => Promise<void>;

/** The causes of the gaps that a workload has. Any other one is a failure: declaring a byte is not seeing it. */
export interface ExpectedGaps {
  /** A run without them proves nothing. */
  readonly must?: readonly AnyGapCause[];
  readonly may?: readonly AnyGapCause[];
}

/** Of programs that use sendfile: beyond some 1 MiB of one call, or all of it where the file's pages cannot be read. */
export const BY_SENDFILE: ExpectedGaps = { may: ["segments", "sendfile"] };

export interface Workload {
  readonly name: string;
  /** One line: who talks to whom, and how. */
  readonly what: string;
  readonly programs: readonly Program[];
  /** For a tap that has to leave bytes out, which it then has to declare. */
  readonly tap?: Pick<TapOptions, "bufferSize" | "snaplen">;
  /** Absent: every byte has to be there. */
  readonly gaps?: ExpectedGaps;
  /** Starts the servers, before anything is captured. */
  readonly prepare: (stage: Stage) => Promise<Drive>;
}

/** How long a client may take, in seconds. */
const CLIENT_SECONDS = 60;

/** How long a server may take until it listens, in seconds. */
const SERVER_SECONDS = 30;

/** A directory, ports and programs for one run of one workload. */
export class Stage {
  readonly directory: string;
  /** The servers' ports so far: what is captured. */
  readonly ports: number[] = [];
  readonly #children: Children;

  constructor(directory: string, children: Children) {
    this.directory = directory;
    this.#children = children;
  }

  async port(): Promise<number> {
    const port = await freePort();
    this.ports.push(port);
    return port;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file and returns its path. */
  write(name: string, content: string | Uint8Array): string {
    const path = this.path(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
    return path;
  }

  /** A file of random bytes: no stretch of it looks like another one, so nothing in the wrong place goes unnoticed. */
  random(name: string, size: number): string {
    return this.write(name, randomFillSync(new Uint8Array(size)));
  }

  /** Starts a program that listens on `ports` when it is ready. */
  async serve(
    program: string,
    args: readonly string[],
    options: ChildOptions & { readonly ports?: readonly number[] } = {},
  ): Promise<Child> {
    const { ports = this.ports, ...rest } = options;
    const child = this.#children.start(locate(program) ?? program, args, rest);
    await until(
      `${program} listens`,
      () => {
        child.failIfEnded();
        return ports.every(isListening);
      },
      SERVER_SECONDS,
    );
    return child;
  }

  start(program: string, args: readonly string[], options: ChildOptions = {}): Child {
    return this.#children.start(locate(program) ?? program, args, options);
  }

  /** Runs a program to its end and returns what it printed; rejects unless its exit code is one of `codes`. */
  async run(
    program: string,
    args: readonly string[],
    options: ChildOptions & { readonly codes?: readonly number[] } = {},
  ): Promise<string> {
    const { codes, ...rest } = options;
    return await this.start(program, args, rest).succeed(CLIENT_SECONDS, codes);
  }
}
