import { loadedAddon } from "./addon.ts";
import { invoke, invokeQuiet } from "./invoke.ts";
import type { AttachKind } from "./native.ts";

/** Something a closing object has to close first. */
export interface LinkOwner {
  readonly links: Set<BpfLink>;
}

/**
 * Links that are attached. An attachment is an effect on the system, not a value: the garbage collector must not
 * end it, so what is attached stays reachable until it is closed.
 */
const attached = new Set<BpfLink>();

/** An attached program. It stays attached until this, or its object, is closed, or the process or worker ends. */
export class BpfLink {
  readonly #handle: number;
  readonly #owner: LinkOwner;
  #closed = false;

  /** @internal Made by the attach methods of {@link BpfProgram}. */
  constructor(handle: number, owner: LinkOwner) {
    this.#handle = handle;
    this.#owner = owner;
    owner.links.add(this);
    attached.add(this);
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** File descriptor of the link (or of its perf event); -1 once it is closed. Owned by the link: do not close it. */
  get fd(): number {
    return this.#closed
      ? -1
      : invokeQuiet("read a link's fd", "ERR_BPF_ATTACH", (native) => native.linkFd(this.#handle));
  }

  /** How often the program was not run although it should have been, where that is known of the link alone: of kprobes. */
  get missed(): number | undefined {
    return undefined;
  }

  /** Detaches. Doing it again does nothing. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#owner.links.delete(this);
    attached.delete(this);
    loadedAddon()?.linkClose(this.#handle);
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** @internal Attaches, and gives the handle that a link is made of. */
export function attach(
  operation: string,
  program: number,
  kind: AttachKind,
  options: object,
  hint?: string,
): number {
  return invoke(operation, "ERR_BPF_ATTACH", (native) => native.programAttach(program, kind, options), hint);
}
