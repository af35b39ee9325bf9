import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, get } from "node:http";
import { buffer } from "node:stream/consumers";
import type { AddressInfo } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { until } from "./until.ts";

/** Runs a program to its end; rejects unless it succeeds. */
export const run = promisify(execFile);

/** Something that listens on a port of its own. */
export interface Listening extends AsyncDisposable {
  readonly port: number;
}

/** An HTTP server in this process that answers every request with its path and `filler`. */
export async function startServer(host = "127.0.0.1", filler = ""): Promise<Listening> {
  const server = createServer((request, response) =>
    response.end(`you asked for ${request.url ?? ""}${filler}`),
  );
  server.listen(0, host);
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** One request on a connection of its own, to the end of its response. */
export async function request(port: number, path: string, host = "127.0.0.1"): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get({ host, port, path, agent: false }, (response) => {
    buffer(response).then((body) => {
      resolve(body.toString());
    }, reject);
  }).on("error", reject);
  return await promise;
}

/** Python's HTTP server: one that this project did not write, in a process of its own. */
export async function startPython(
  directory: string,
  host = "127.0.0.1",
): Promise<Listening & { pid: number }> {
  const args = ["-u", "-m", "http.server", "0", "--bind", host, "--directory", directory];
  const child = spawn("python3", args, { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (printed += text));
  const closed = once(child, "close");
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await closed;
  };
  try {
    const port = await until("python3 serves", () => {
      if (child.exitCode !== null) throw new Error(`python3 ended: ${printed}`);
      return / port (\d+) /.exec(printed)?.[1];
    });
    if (child.pid === undefined) throw new Error("python3 was not started");
    return { port: Number(port), pid: child.pid, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Makes requests until the action has ended: traffic for those who wait for some. */
export async function whileRequesting<T>(port: number, action: () => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const requesting = (async () => {
    for (let i = 0; !stop.signal.aborted; i++) {
      await request(port, `/${i}`);
      await delay(5);
    }
  })();
  try {
    return await action();
  } finally {
    stop.abort();
    await requesting;
  }
}
