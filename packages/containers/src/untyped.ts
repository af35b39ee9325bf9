/** Reading what somebody else has written, and which need not be what it is said to be. */

/** A member of an object; undefined if there is none, or it is no object. */
export function member(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}

/** A text that is not empty. */
export function textAt(value: unknown, name: string): string | undefined {
  const text = member(value, name);
  return typeof text === "string" && text !== "" ? text : undefined;
}

/** The members of an object that are texts. */
export function textsAt(value: unknown, name: string): Readonly<Record<string, string>> {
  const texts = member(value, name);
  if (typeof texts !== "object" || texts === null) return {};
  return Object.fromEntries(
    Object.entries(texts).filter((entry): entry is [string, string] => typeof entry[1] === "string"),
  );
}

/** A list; empty if there is none. */
export function listAt(value: unknown, name: string): readonly unknown[] {
  const list = member(value, name);
  return Array.isArray(list) ? (list as readonly unknown[]) : [];
}
