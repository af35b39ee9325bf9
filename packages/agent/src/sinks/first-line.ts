import { isUtf8 } from "node:buffer";
import { printable } from "./printable.ts";

/** Columns that a line's beginning may take. */
const COLUMNS = 100;
/** Bytes shown of a payload that is not text. */
const HEX_BYTES = 16;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Few control characters, and UTF-8. */
function looksLikeText(bytes: Uint8Array): boolean {
  let controls = 0;
  for (const byte of bytes) {
    if (byte === 0) return false;
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) controls++;
  }
  return controls * 10 <= bytes.length && isUtf8(bytes);
}

/** How many bytes a character has that begins with this byte. */
function characterLength(first: number): number {
  if (first < 0xc0) return 1;
  if (first < 0xe0) return 2;
  return first < 0xf0 ? 3 : 4;
}

/** The bytes without a last character that is not all there: calls and cuts end anywhere. */
function withoutPartialCharacter(bytes: Uint8Array): Uint8Array {
  for (let at = bytes.length - 1; at >= 0 && at >= bytes.length - 3; at--) {
    const byte = bytes[at] ?? 0;
    if (byte >= 0x80 && byte < 0xc0) continue;
    return at + characterLength(byte) > bytes.length ? bytes.subarray(0, at) : bytes;
  }
  return bytes;
}

function hexadecimal(payload: Uint8Array): string {
  const hex = Array.from(payload.subarray(0, HEX_BYTES), (byte) => byte.toString(16).padStart(2, "0"));
  return `${hex.join(" ")}${payload.length > HEX_BYTES ? " …" : ""}`;
}

/** The first line of a payload, safe to print: text with escapes, or the first bytes in hexadecimal. */
export function firstLine(payload: Uint8Array): string {
  const head = withoutPartialCharacter(payload.subarray(0, COLUMNS * 4));
  if (payload.length > 0 && (head.length === 0 || !looksLikeText(head))) return hexadecimal(payload);
  const end = head.indexOf(0x0a);
  const text = decoder.decode(end < 0 ? head : head.subarray(0, end)).replace(/\r$/, "");
  const characters = Array.from(printable(text));
  if (characters.length > COLUMNS) return `${characters.slice(0, COLUMNS).join("")}…`;
  return end < 0 && payload.length > COLUMNS * 4 ? `${characters.join("")}…` : characters.join("");
}
