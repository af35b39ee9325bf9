/** A map that forgets what was set first when it is full. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();
  readonly #most: number;
  readonly #onForget: (value: Value, key: Key) => void;

  /** `onForget` is told of what had no room any more, not of what was deleted or replaced. */
  constructor(most: number, onForget: (value: Value, key: Key) => void = () => undefined) {
    this.#most = most;
    this.#onForget = onForget;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  /** Also makes it the last to be forgotten. */
  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#most) return;
    const oldest = this.#entries.entries().next();
    if (oldest.done === true) return;
    this.#entries.delete(oldest.value[0]);
    this.#onForget(oldest.value[1], oldest.value[0]);
  }

  delete(key: Key): boolean {
    return this.#entries.delete(key);
  }
}
