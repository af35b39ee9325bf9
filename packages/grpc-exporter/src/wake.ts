/** Wakes whoever waits. A call without anybody waiting is remembered once, so that none is missed. */
export class Wake {
  #resolve: (() => void) | undefined;
  #called = false;

  /** Resolves at the next call, or at once if there was one since the last time. One at a time may wait. */
  async wait(): Promise<void> {
    if (!this.#called)
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
      });
    this.#called = false;
    this.#resolve = undefined;
  }

  call(): void {
    this.#called = true;
    this.#resolve?.();
  }
}
