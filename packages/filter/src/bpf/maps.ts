/** The maps that a filter needs of its own, before they exist. */
import type { KernelNetwork } from "../kernel/expression.ts";
import { ADDRESS_LENGTH, NAME_LENGTH } from "./layout.ts";

/** A map to be made for a filter. */
export interface PlannedMap {
  /** In the program's listing and in the kernel. */
  readonly name: string;
  readonly type: "hash" | "lpm_trie";
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  /** BPF_F_* of the creation. */
  readonly flags: number;
  /** The keys to put in; the values mean nothing. */
  readonly keys: readonly Uint8Array[];
  /** The set whose members user space puts in while the filter runs; absent for maps that never change. */
  readonly set?: string;
}

/** Bytes of the keys of {@link PlannedMap}s for numbers. */
export const NUMBER_SIZE = 8;

/** Bytes of a trie's keys: how many bits, and the address. */
export const NETWORK_KEY_SIZE: number = 4 + ADDRESS_LENGTH;

/** What a set that changes while running can hold. */
export const SET_CAPACITY = 16_384;

/** BPF_F_NO_PREALLOC, which a trie has to have and nothing else may: these programs must not allocate. */
const NO_PREALLOC = 1;

const VALUE_SIZE = 4;

/** Collects the maps of a filter while its programs are written. */
export class MapPlan {
  readonly #maps: PlannedMap[] = [];
  /** By the list of an expression: both programs of a filter may have the same test. */
  readonly #known = new Map<readonly unknown[], string>();

  get maps(): readonly PlannedMap[] {
    return this.#maps;
  }

  numbers(values: readonly bigint[]): string {
    return this.#once(values, () =>
      this.#add("values", { type: "hash", keySize: NUMBER_SIZE, keys: values.map(numberKey) }),
    );
  }

  /** Of 15 bytes at most; a name ends at its first NUL, so one that has a NUL is nobody's. */
  names(values: readonly Uint8Array[]): string {
    return this.#once(values, () =>
      this.#add("names", {
        type: "hash",
        keySize: NAME_LENGTH,
        keys: values.filter((value) => !value.includes(0)).map(nameKey),
      }),
    );
  }

  networks(networks: readonly KernelNetwork[]): string {
    return this.#once(networks, () =>
      this.#add("networks", {
        type: "lpm_trie",
        keySize: NETWORK_KEY_SIZE,
        keys: networks.map(networkKey),
        flags: NO_PREALLOC,
      }),
    );
  }

  /** The same map wherever the same set is asked for. */
  set(set: string): string {
    const known = this.#maps.find((map) => map.set === set);
    if (known !== undefined) return known.name;
    return this.#add("set", { type: "hash", keySize: NUMBER_SIZE, keys: [], set });
  }

  #once(list: readonly unknown[], make: () => string): string {
    const name = this.#known.get(list) ?? make();
    this.#known.set(list, name);
    return name;
  }

  #add(
    kind: string,
    map: Pick<PlannedMap, "type" | "keySize" | "keys" | "set"> & { readonly flags?: number },
  ): string {
    const name = `${kind}_${this.#maps.length}`;
    const maxEntries = map.set === undefined ? Math.max(1, map.keys.length) : SET_CAPACITY;
    this.#maps.push({ name, valueSize: VALUE_SIZE, maxEntries, flags: 0, ...map });
    return name;
  }
}

/** A number as the keys of a map have it: 64 bits, little-endian. */
export function numberKey(value: bigint): Uint8Array {
  const key = new Uint8Array(NUMBER_SIZE);
  new DataView(key.buffer).setBigUint64(0, value, true);
  return key;
}

function nameKey(value: Uint8Array): Uint8Array {
  const key = new Uint8Array(NAME_LENGTH);
  key.set(value);
  return key;
}

function networkKey({ address, bits }: KernelNetwork): Uint8Array {
  const key = new Uint8Array(NETWORK_KEY_SIZE);
  new DataView(key.buffer).setUint32(0, bits, true);
  key.set(address, 4);
  return key;
}
