import { UsageError } from "./usage-error.ts";

const MILLISECONDS = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000 } as const;
const BYTES = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 } as const;

/** The longest time that a timer takes. */
const LONGEST = 2 ** 31 - 1;

/** `5s`, `500ms`, `1.5m`, `2h`: milliseconds. */
export function parseDuration(flag: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min|m|h)$/.exec(text);
  const unit = match?.[2] as keyof typeof MILLISECONDS | undefined;
  if (match === null || unit === undefined)
    throw new UsageError(
      `${flag} takes a number with a unit, such as 500ms, 5s, 2m or 1h; '${text}' is not one`,
    );
  const milliseconds = Number(match[1]) * MILLISECONDS[unit];
  if (milliseconds > 0 && milliseconds <= LONGEST) return milliseconds;
  throw new UsageError(`${flag} must be more than 0 and at most 596h, not '${text}'`);
}

/** The least and the most that a flag takes. */
type Limits = readonly [least: number, most: number];

/** `262144`, `64k`, `16M`, `1G` (powers of 1024): bytes. */
export function parseBytes(flag: string, text: string, limits?: Limits): number {
  const match = /^(\d+)([kmg]?)$/i.exec(text);
  const unit = match?.[2]?.toLowerCase() as keyof typeof BYTES | undefined;
  if (match === null || unit === undefined)
    throw new UsageError(`${flag} takes a number of bytes, such as 262144, 64k or 16M; '${text}' is not one`);
  return within(flag, text, Number(match[1]) * BYTES[unit], limits, shortBytes);
}

/** A whole number. */
export function parseCount(flag: string, text: string, limits?: Limits): number {
  if (!/^\d+$/.test(text)) throw new UsageError(`${flag} takes a whole number; '${text}' is not one`);
  return within(flag, text, Number(text), limits, String);
}

function within(
  flag: string,
  text: string,
  value: number,
  [least, most]: Limits = [0, Infinity],
  format: (value: number) => string,
): number {
  if (value >= least && value <= most) return value;
  throw new UsageError(`${flag} takes ${format(least)} to ${format(most)}, not '${text}'`);
}

/** As {@link parseBytes} reads it. */
function shortBytes(bytes: number): string {
  for (const [unit, size] of [
    ["G", BYTES.g],
    ["M", BYTES.m],
    ["k", BYTES.k],
  ] as const)
    if (bytes >= size && bytes % size === 0) return `${bytes / size}${unit}`;
  return String(bytes);
}
