import { BpfLink, type LinkOwner } from "./link.ts";
import { loadedAddon } from "./addon.ts";
import type { KretprobeEvent } from "./kretprobe.ts";

/** How a kprobe was made: as an event of tracefs, or by perf_event_open alone. */
export type KprobeMethod = "tracefs" | "perf_event";

/** @internal */
export interface KprobeOrigin {
  event?: KretprobeEvent | undefined;
  maxActive?: number | undefined;
  fallbackReason?: string | undefined;
}

/** An attached kprobe or kretprobe. */
export class BpfKprobeLink extends BpfLink {
  readonly method: KprobeMethod;
  /**
   * How many calls may be under way at the same time without one being missed, where that could be set; undefined: the
   * kernel's default, which is 10 or twice the number of CPUs, whichever is more (without preemption: the number of CPUs).
   */
  readonly maxActive: number | undefined;
  /** Why `maxActive` was asked for in vain; undefined when it was not. */
  readonly fallbackReason: string | undefined;
  readonly #handle: number;
  readonly #event: KretprobeEvent | undefined;
  #missed: number | undefined;

  /** @internal */
  constructor(handle: number, owner: LinkOwner, origin: KprobeOrigin) {
    super(handle, owner);
    this.#handle = handle;
    this.#event = origin.event;
    this.method = origin.event === undefined ? "perf_event" : "tracefs";
    this.maxActive = origin.event === undefined ? undefined : origin.maxActive;
    this.fallbackReason = origin.fallbackReason;
  }

  /**
   * How often the program was not run although the function returned (or, for an entry probe, was called): more calls were
   * under way than `maxActive`, or the probe was hit inside itself. Undefined when the kernel does not say: by
   * "perf_event" before 6.7. Once it is closed, the last figure.
   */
  override get missed(): number | undefined {
    if (this.closed) return this.#missed;
    return this.#event === undefined ? loadedAddon()?.linkMissed(this.#handle) : this.#event.missed();
  }

  override close(): void {
    if (this.closed) return;
    this.#missed = this.missed;
    super.close();
    this.#event?.remove();
  }
}
