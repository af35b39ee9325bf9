import { BoundedMap } from "./bounded-map.ts";

/** What there is, and a bounded number of what there was: of those who are gone one may still be asked. */
export class LivingMap<Key, Value> {
  readonly #living = new Map<Key, Value>();
  readonly #departed: BoundedMap<Key, Value>;

  /** `mostDeparted`: how many of those who are gone are kept. */
  constructor(mostDeparted: number) {
    this.#departed = new BoundedMap(mostDeparted);
  }

  /** Of the living and the departed. */
  get(key: Key): Value | undefined {
    return this.#living.get(key) ?? this.#departed.get(key);
  }

  set(key: Key, value: Value): void {
    this.#departed.delete(key);
    this.#living.set(key, value);
  }

  /** It is gone. */
  depart(key: Key): void {
    const value = this.#living.get(key);
    if (value === undefined) return;
    this.#living.delete(key);
    this.#departed.set(key, value);
  }

  /** Whoever else there was is gone. */
  keep(keys: ReadonlySet<Key>): void {
    for (const key of Array.from(this.#living.keys())) if (!keys.has(key)) this.depart(key);
  }
}
