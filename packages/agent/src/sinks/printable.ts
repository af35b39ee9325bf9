/** What a terminal would act upon instead of showing: control characters and the ways to reverse or hide text. */
const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

function escape(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === "\t") return " ";
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u{${code.toString(16)}}`;
}

/** Text that somebody else chose, made safe to print: a terminal shows it and does not obey it. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escape);
}

/** The same for a name that comes from elsewhere and may have any length: its first `most` characters, and whether there are more. */
export function printableName(name: string, most = 256): string {
  return name.length <= most ? printable(name) : `${printable(name.slice(0, most))}...`;
}
