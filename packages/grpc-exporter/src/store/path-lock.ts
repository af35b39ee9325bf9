import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer, type Server } from "node:net";

/**
 * Holds a file or directory for this process, until the server that it resolves to is closed. A socket in the abstract
 * namespace does it, because the kernel takes it away from a process that is killed. Processes in other network namespaces
 * are not seen.
 *
 * Rejects when it is held already, or is not there.
 */
export async function lockPath(path: string): Promise<Server> {
  const { dev, ino } = statSync(path);
  const server = createServer((socket) => socket.destroy());
  server.unref();
  server.listen(`\0tcptracker-spool-${dev}-${ino}`);
  await once(server, "listening");
  return server;
}
