/** HTTP over a unix socket, as container runtimes speak it: JSON answers, and streams of JSON lines. */
import { request, type IncomingMessage } from "node:http";

/** An answer that is larger is no list of containers. */
const MOST_BYTES = 64 * 1024 * 1024;

/** The runtime has answered, but not with what was asked for. */
export class HttpStatusError extends Error {
  readonly status: number;

  constructor(path: string, status: number) {
    super(`${path} was answered with status ${status}`);
    this.status = status;
  }
}

function open(socketPath: string, path: string, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath, path, signal, agent: false, headers: { host: "localhost", accept: "application/json" } },
      (response) => {
        if (response.statusCode === 200) {
          resolve(response);
          return;
        }
        response.resume();
        reject(new HttpStatusError(path, response.statusCode ?? 0));
      },
    );
    sent.on("error", reject);
    // A runtime that is waited for is no reason to stay alive.
    sent.on("socket", (socket) => socket.unref());
    sent.end();
  });
}

/** One document. Rejects with {@link HttpStatusError}, an error of the system, a SyntaxError, or when the signal aborts. */
export async function getJson(socketPath: string, path: string, signal: AbortSignal): Promise<unknown> {
  const response = await open(socketPath, path, signal);
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BYTES) throw new RangeError(`${path} was answered with more than ${MOST_BYTES} bytes`);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as unknown;
}

/** Documents one after the other, until the runtime ends the stream. `onOpen` is called when it has begun. Rejects as {@link getJson}. */
export async function* followJson(
  socketPath: string,
  path: string,
  signal: AbortSignal,
  onOpen: () => void,
): AsyncGenerator<unknown, void, undefined> {
  const response = await open(socketPath, path, signal);
  onOpen();
  response.setEncoding("utf8");
  let rest = "";
  for await (const chunk of response as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > MOST_BYTES)
      throw new RangeError(`${path} sent a line of more than ${MOST_BYTES} bytes`);
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as unknown;
  }
}
