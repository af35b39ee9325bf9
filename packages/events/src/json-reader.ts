/** Reading JSON member by member, with errors that name the member. */
import { isIP } from "node:net";
import { RecordJsonError } from "./errors.ts";

const U64 = 2n ** 64n - 1n;
const DECIMAL = /^(?:0|[1-9][0-9]{0,19})$/;
const TIME = /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})\.([0-9]{9})Z$/;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** A number as it is written, before a double rounds it. */
class NumberText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Parses JSON and keeps each number as it is written. Throws RecordJsonError. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, keepNumber) as unknown;
  } catch (error) {
    throw new RecordJsonError("", "one JSON object", { cause: error });
  }
}

// The third argument (JSON.parse source text access) is in V8 since Node 21 and not yet in TypeScript's library.
function keepNumber(
  this: unknown,
  _key: string,
  value: unknown,
  context?: { readonly source?: string },
): unknown {
  return typeof value === "number" ? new NumberText(context?.source ?? String(value)) : value;
}

/** One JSON object and where it stands. Every method throws RecordJsonError for a member that is not what it should be. */
export class JsonObject {
  readonly #members: Readonly<Record<string, unknown>>;
  readonly #path: string;

  constructor(value: unknown, path: string) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof NumberText) {
      throw new RecordJsonError(path, "an object");
    }
    this.#members = value as Readonly<Record<string, unknown>>;
    this.#path = path;
  }

  /** `{ [name]: read() }` if there is such a member, else `{}`. */
  optional<Name extends string, Value>(
    name: Name,
    read: () => Value,
  ): Partial<Readonly<Record<Name, Value>>> {
    if (!Object.hasOwn(this.#members, name)) return {};
    return { [name]: read() } as Readonly<Record<Name, Value>>;
  }

  object(name: string): JsonObject {
    return new JsonObject(this.#get(name), this.#pathOf(name));
  }

  /** A list of objects that is not empty. */
  objects(name: string): readonly JsonObject[] {
    const value = this.#get(name);
    if (!Array.isArray(value) || value.length === 0) throw this.#wrong(name, "a list that is not empty");
    return value.map((item: unknown) => new JsonObject(item, this.#pathOf(name)));
  }

  /** A text that is not empty. */
  text(name: string): string {
    const value = this.#get(name);
    if (typeof value !== "string" || value === "") throw this.#wrong(name, "a text that is not empty");
    return value;
  }

  /** All members, which must be texts; they may be empty. */
  texts(): Readonly<Record<string, string>> {
    const members = Object.entries(this.#members).map(([name, value]): [string, string] => {
      if (typeof value !== "string") throw this.#wrong(name, "a text");
      return [name, value];
    });
    return Object.fromEntries(members);
  }

  matching(name: string, pattern: RegExp, expected: string): string {
    const value = this.#get(name);
    if (typeof value !== "string" || !pattern.test(value)) throw this.#wrong(name, expected);
    return value;
  }

  oneOf<Name extends string>(name: string, table: Readonly<Record<Name, number>>): Name {
    return this.#member(this.#get(name), name, table);
  }

  listOf<Name extends string>(name: string, table: Readonly<Record<Name, number>>): readonly Name[] {
    const value = this.#get(name);
    if (!Array.isArray(value) || value.length === 0) throw this.#wrong(name, "a list that is not empty");
    return value.map((item: unknown) => this.#member(item, name, table));
  }

  /** A whole number from 0 to `max`. */
  integer(name: string, max: number): number {
    const value = Number(this.count(name));
    if (value > max) throw this.#wrong(name, `a whole number from 0 to ${String(max)}`);
    return value;
  }

  /** 64 bits, as a JSON number. */
  count(name: string): bigint {
    const value = this.#get(name);
    return this.#u64(value instanceof NumberText ? value.text : "", name, "a whole number of 64 bits");
  }

  /** 64 bits, as a decimal text. */
  decimal(name: string): bigint {
    const value = this.#get(name);
    return this.#u64(typeof value === "string" ? value : "", name, "a decimal text of 64 bits");
  }

  /** RFC 3339 with nine digits, as nanoseconds since the epoch. */
  time(name: string): bigint {
    const expected = "a time such as 2026-11-22T15:18:00.123456789Z";
    const [, seconds, fraction] = TIME.exec(this.matching(name, TIME, expected)) ?? [];
    const milliseconds = Date.parse(`${seconds ?? ""}Z`);
    if (Number.isNaN(milliseconds)) throw this.#wrong(name, expected);
    return BigInt(milliseconds) * 1_000_000n + BigInt(fraction ?? "");
  }

  address(name: string): string {
    const value = this.#get(name);
    if (typeof value !== "string" || isIP(value) === 0) throw this.#wrong(name, "an IPv4 or IPv6 address");
    return value;
  }

  base64(name: string): Uint8Array {
    const text = this.matching(name, BASE64, "base64");
    if (text === "") throw this.#wrong(name, "base64 of at least one byte");
    return Uint8Array.from(Buffer.from(text, "base64"));
  }

  #u64(text: string, name: string, expected: string): bigint {
    if (!DECIMAL.test(text)) throw this.#wrong(name, expected);
    const value = BigInt(text);
    if (value > U64) throw this.#wrong(name, expected);
    return value;
  }

  #member<Name extends string>(value: unknown, name: string, table: Readonly<Record<Name, number>>): Name {
    if (typeof value !== "string" || !Object.hasOwn(table, value)) {
      throw this.#wrong(name, `one of ${Object.keys(table).join(", ")}`);
    }
    return value as Name;
  }

  #get(name: string): unknown {
    return Object.hasOwn(this.#members, name) ? this.#members[name] : undefined;
  }

  #wrong(name: string, expected: string): RecordJsonError {
    return new RecordJsonError(this.#pathOf(name), expected);
  }

  #pathOf(name: string): string {
    return this.#path === "" ? name : `${this.#path}.${name}`;
  }
}
