/** Node.js: its HTTP/1.1 and HTTP/2 servers and clients. */
import { join } from "node:path";
import type { Workload } from "../workload.ts";

const SCRIPTS = join(import.meta.dirname, "scripts");

function talk(name: string, what: string, script: string, host: string): Workload {
  return {
    name,
    what,
    programs: [],
    prepare: async (stage) => {
      const port = String(await stage.port());
      const program = join(SCRIPTS, script);
      await stage.serve(process.execPath, [program, "serve", host, port]);
      return async () => {
        await stage.run(process.execPath, [program, "ask", host, port]);
      };
    },
  };
}

export const nodeWorkloads: readonly Workload[] = [
  talk(
    "node-http",
    "node:http, client and server: kept connections, chunked bodies both ways",
    "node-http.ts",
    "127.0.0.1",
  ),
  talk(
    "node-http2",
    "node:http2, client and server, over ::1: 200 streams on one connection",
    "node-http2.ts",
    "::1",
  ),
];
