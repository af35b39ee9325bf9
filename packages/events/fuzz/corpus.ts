/** The recorded batches that are mutated. */
import { readFileSync, readdirSync } from "node:fs";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** Every fixtures/*.bin, by name. */
export function readCorpus(): ReadonlyMap<string, Uint8Array> {
  const names = readdirSync(FIXTURES).filter((name) => name.endsWith(".bin"));
  return new Map(names.sort().map((name) => [name, Uint8Array.from(readFileSync(new URL(name, FIXTURES)))]));
}
