import { createHash } from "node:crypto";
import { request as httpRequest, type Agent, type IncomingHttpHeaders } from "node:http";

/** One kind of request of the mix, and what its answer must be like. */
export interface Exchange {
  readonly method: "GET" | "POST";
  readonly path: string;
  /** What to send, for the request with this number. */
  readonly body?: (number: number) => string;
  /** Returns what is wrong with the answer; undefined when nothing is. */
  readonly check: (answer: Answer, sent: string | undefined) => string | undefined;
}

/** A whole HTTP answer. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How long one request may take, from the first byte to the last. */
const REQUEST_TIMEOUT_MS = 10_000;

function checkLength({ headers, body }: Answer): string | undefined {
  const length = headers["content-length"];
  if (length === undefined) return "no content-length";
  return Number(length) === body.length ? undefined : `${body.length} bytes instead of ${length}`;
}

/** Compares the body with the sha-256 value of its `content-digest` header (RFC 9530). */
function checkDigest({ headers, body }: Answer): string | undefined {
  const expected = /sha-256=:([^:]*):/.exec(String(headers["content-digest"]))?.[1];
  if (expected === undefined) return "no sha-256 content-digest";
  const actual = createHash("sha256").update(body).digest("base64");
  return actual === expected ? undefined : `sha-256 is ${actual} instead of ${expected}`;
}

function checkItems({ body }: Answer): string | undefined {
  try {
    const value: unknown = JSON.parse(body.toString());
    const found =
      typeof value === "object" && value !== null && "items" in value && Array.isArray(value.items);
    return found ? undefined : "no list of items";
  } catch {
    return "not JSON";
  }
}

/** The requests that the client cycles through. */
export const mix: readonly Exchange[] = [
  {
    method: "GET",
    path: "/",
    check: (answer) => (answer.body.length > 0 ? checkLength(answer) : "an empty body"),
  },
  { method: "GET", path: "/api/items", check: checkItems },
  {
    method: "POST",
    path: "/api/echo",
    body: (number) => JSON.stringify({ number, order: "tea", notes: "n".repeat(number % 50) }),
    check: (answer, sent) =>
      answer.body.toString() === sent ? undefined : "the echo differs from what was sent",
  },
  { method: "GET", path: "/chunked", check: checkDigest },
  { method: "GET", path: "/large", check: (answer) => checkLength(answer) ?? checkDigest(answer) },
];

/**
 * Makes one request and reads its answer to the end.
 *
 * @throws the error of the connection, or an `AbortError` / `TimeoutError`
 */
export function exchange(
  base: URL,
  { method, path }: Exchange,
  body: string | undefined,
  agent: Agent,
  signal: AbortSignal,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers =
      body === undefined
        ? {}
        : { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const limit = AbortSignal.any([signal, AbortSignal.timeout(REQUEST_TIMEOUT_MS)]);
    const request = httpRequest(
      new URL(path, base),
      { method, headers, agent, signal: limit },
      (response) => {
        const pieces: Buffer[] = [];
        response.on("data", (piece: Buffer) => pieces.push(piece));
        response.on("error", reject);
        response.on("end", () => {
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(pieces),
          });
        });
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}
