// An HTTP/2 server without TLS that sends back what it gets, and a client with many streams at a time.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type ClientHttp2Session } from "node:http2";
import { buffer } from "node:stream/consumers";

const [role, host, port] = process.argv.slice(2);

async function upload(session: ClientHttp2Session, size: number): Promise<void> {
  const body = randomBytes(size);
  const stream = session.request({ ":method": "POST", ":path": `/${size}` });
  stream.end(body);
  if (!(await buffer(stream)).equals(body)) throw new Error(`${size} bytes came back changed`);
}

if (role === "serve") {
  const server = createServer();
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200 });
    stream.pipe(stream);
  });
  server.listen(Number(port), host);
} else {
  const session = connect(`http://[${host}]:${port}`);
  const sizes = [0, 1, 500, 40_000, 300_000];
  // Twenty at a time: a session refuses more than it can hold in memory.
  for (let round = 0; round < 10; round++)
    await Promise.all(Array.from({ length: 20 }, (_, i) => upload(session, sizes[i % sizes.length] ?? 0)));
  session.close();
  await once(session, "close");
}
