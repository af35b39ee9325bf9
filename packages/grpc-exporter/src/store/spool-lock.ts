import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { ExportError } from "../errors.ts";

/**
 * Holds a directory for this process. A socket in the abstract namespace does it, because the kernel takes it away from a
 * process that is killed. Processes in other network namespaces are not seen.
 *
 * @throws {@link ExportError} ERR_EXPORT_SPOOL when another process has it
 */
export async function lockDirectory(directory: string): Promise<Server> {
  const { dev, ino } = statSync(directory);
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    server.listen(`\0tcptracker-spool-${dev}-${ino}`);
    await once(server, "listening");
    return server;
  } catch (error) {
    throw new ExportError(
      "ERR_EXPORT_SPOOL",
      `the spool ${directory} is used by another process; give each exporter a directory of its own`,
      { cause: error },
    );
  }
}
