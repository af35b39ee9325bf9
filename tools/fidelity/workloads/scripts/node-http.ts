// An HTTP server that sends back what it gets, piece by piece, and a client that uploads on kept and on new connections.
import { randomBytes } from "node:crypto";
import { Agent, createServer, request } from "node:http";
import { buffer } from "node:stream/consumers";

const [role, host, port] = process.argv.slice(2);

async function upload(agent: Agent, size: number): Promise<void> {
  const body = randomBytes(size);
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const asking = request({ host, port, method: "POST", path: `/${size}`, agent }, (response) => {
    buffer(response).then(resolve, reject);
  });
  asking.on("error", reject);
  // In pieces, so that there is no content-length.
  for (let at = 0; at < size; at += 10_000) asking.write(body.subarray(at, at + 10_000));
  asking.end();
  if (!(await promise).equals(body)) throw new Error(`${size} bytes came back changed`);
}

if (role === "serve") {
  createServer((incoming, response) => incoming.pipe(response)).listen(Number(port), host);
} else {
  const kept = new Agent({ keepAlive: true, maxSockets: 4 });
  const sizes = [0, 1, 100, 20_000, 500_000];
  await Promise.all(Array.from({ length: 100 }, (_, i) => upload(kept, sizes[i % sizes.length] ?? 0)));
  kept.destroy();
  const fresh = new Agent({ keepAlive: false });
  for (const size of sizes) await upload(fresh, size);
}
