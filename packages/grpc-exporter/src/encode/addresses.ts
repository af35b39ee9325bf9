const MOST_REMEMBERED = 4096;
const GROUPS = 8;

/** Addresses as texts and as bytes: 4 for IPv4, 16 for IPv6. Hosts talk to few others, many times. */
const remembered = new Map<string, Uint8Array>();

/** The bytes of an address in network order: 4 of a dotted quad, else 16. Throws RangeError for what is not an address. */
export function addressBytes(text: string): Uint8Array {
  const known = remembered.get(text);
  if (known !== undefined) return known;
  const bytes = text.includes(":") ? parseIpv6(text) : parseIpv4(text);
  if (bytes === undefined) throw new RangeError(`'${text}' is not an IP address`);
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  remembered.set(text, bytes);
  return bytes;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split(".");
  const valid = parts.length === 4 && parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
  return valid ? Uint8Array.from(parts, Number) : undefined;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map(parseGroups);
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const missing = GROUPS - head.length - (tail?.length ?? 0);
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const groups = [...head, ...Array.from({ length: missing }, () => 0), ...(tail ?? [])];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The 16-bit groups of a part without `::`; its last one may be a dotted quad. */
function parseGroups(part: string): number[] | undefined {
  if (part === "") return [];
  const groups: number[] = [];
  for (const word of part.split(":")) {
    const quad = word.includes(".") ? parseIpv4(word) : undefined;
    if (quad !== undefined) {
      const [a = 0, b = 0, c = 0, d = 0] = quad;
      groups.push((a << 8) | b, (c << 8) | d);
    } else if (/^[0-9a-f]{1,4}$/i.test(word)) groups.push(Number.parseInt(word, 16));
    else return undefined;
  }
  return groups;
}
