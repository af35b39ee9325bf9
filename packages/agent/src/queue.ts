/** A first-in, first-out queue between a producer that is called back and a consumer that awaits. */
export class AsyncQueue<T> implements AsyncIterable<T> {
  readonly #items: T[] = [];
  readonly #onTaken: (item: T) => void;
  #wake: (() => void) | undefined;
  #ended = false;
  #error: Error | undefined;

  /** @param onTaken - called for each item that the consumer takes: where the producer may go on */
  constructor(onTaken: (item: T) => void) {
    this.#onTaken = onTaken;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#wake?.();
  }

  /** The consumer gets what is queued, then the end, or `error` when there is one. */
  end(error?: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const item = this.#items.shift();
      if (item !== undefined) {
        this.#onTaken(item);
        yield item;
      } else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => (this.#wake = resolve));
        this.#wake = undefined;
      }
    }
  }
}
