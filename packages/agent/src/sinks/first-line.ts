import { isUtf8 } from "node:buffer";

/** Columns that a line's beginning may take. */
const COLUMNS = 100;
/** Bytes shown of a payload that is not text. */
const HEX_BYTES = 16;

const decoder = new TextDecoder("utf-8");

/** What a terminal would act upon instead of showing: control characters and the ways to reverse text. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

function escape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === "\t") return " ";
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** Few control characters, and UTF-8 up to the character that the cut at the end may have split. */
function looksLikeText(bytes: Uint8Array): boolean {
  let controls = 0;
  for (const byte of bytes) {
    if (byte === 0) return false;
    if (byte < 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d) controls++;
  }
  return controls * 10 <= bytes.length && isUtf8(bytes.subarray(0, lastCharacterBoundary(bytes)));
}

/** Where a character begins that the end of the bytes may cut off. */
function lastCharacterBoundary(bytes: Uint8Array): number {
  for (let at = bytes.length - 1; at >= 0 && at >= bytes.length - 4; at--) {
    const byte = bytes[at] ?? 0;
    if (byte < 0x80) return at + 1;
    if (byte >= 0xc0) return at;
  }
  return bytes.length;
}

/** The first line of a payload, safe to print: text with escapes, or the first bytes in hexadecimal. */
export function firstLine(payload: Uint8Array): string {
  const head = payload.subarray(0, COLUMNS * 4);
  if (!looksLikeText(head)) {
    const hex = Array.from(payload.subarray(0, HEX_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
    return payload.length > HEX_BYTES ? `${hex} …` : hex;
  }
  const end = head.indexOf(0x0a);
  const line = decoder
    .decode(end < 0 ? head : head.subarray(0, end))
    .replace(/\r$/, "")
    .replace(UNPRINTABLE, escape);
  const characters = Array.from(line);
  return characters.length > COLUMNS ? `${characters.slice(0, COLUMNS).join("")}…` : line;
}
