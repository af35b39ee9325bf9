// The messages in one direction of an HTTP/1.1 connection, bodies included, as they were recorded.

/** A request or an answer. */
export interface Message {
  /** `GET / HTTP/1.1`, `HTTP/1.1 200 OK`. */
  readonly start: string;
  /** By lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** @throws for bytes that are not whole messages */
export function parseMessages(bytes: Buffer): Message[] {
  const messages: Message[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf("\r\n\r\n", at);
    if (end < 0) throw new Error(`no end of headers after byte ${at}`);
    const [start = "", ...lines] = bytes.toString("latin1", at, end).split("\r\n");
    const headers = Object.fromEntries(
      lines.map((line) => {
        const [, name = "", value = ""] = /^([^:]+):\s*(.*)$/.exec(line) ?? [];
        return [name.toLowerCase(), value];
      }),
    );
    const { body, next } =
      headers["transfer-encoding"] === "chunked"
        ? chunkedBody(bytes, end + 4)
        : sizedBody(bytes, end + 4, Number(headers["content-length"] ?? 0));
    messages.push({ start, headers, body });
    at = next;
  }
  return messages;
}

function sizedBody(bytes: Buffer, from: number, size: number): { body: Buffer; next: number } {
  if (from + size > bytes.length)
    throw new Error(`a body of ${size} bytes ends after ${bytes.length - from}`);
  return { body: bytes.subarray(from, from + size), next: from + size };
}

function chunkedBody(bytes: Buffer, from: number): { body: Buffer; next: number } {
  const pieces: Buffer[] = [];
  for (let at = from; ;) {
    const end = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (end < 0 || Number.isNaN(size)) throw new Error(`no chunk at byte ${at}`);
    const { body, next } = sizedBody(bytes, end + 2, size);
    if (size === 0) return { body: Buffer.concat(pieces), next: next + 2 };
    pieces.push(body);
    at = next + 2;
  }
}
