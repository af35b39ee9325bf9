/** Python: its HTTP server and client, and asyncio's streams. */
import { join } from "node:path";
import { BY_SENDFILE, type Workload } from "../workload.ts";

const SCRIPTS = join(import.meta.dirname, "scripts");

export const pythonWorkloads: readonly Workload[] = [
  {
    name: "python-http",
    what: "curl and urllib ask python3 -m http.server, a new connection for each request",
    programs: ["python3", "curl"],
    prepare: async (stage) => {
      const port = await stage.port();
      for (const size of [0, 100, 70_000, 3_000_000]) stage.random(`www/${size}.bin`, size);
      const root = ["--bind", "127.0.0.1", "--directory", stage.path("www")];
      await stage.serve("python3", ["-m", "http.server", String(port), ...root]);
      return async () => {
        const url = `http://127.0.0.1:${port}`;
        const urls = [0, 100, 70_000, 3_000_000].flatMap((size) => [`${url}/${size}.bin`, "-o", "/dev/null"]);
        await stage.run("curl", ["-sS", "--fail", "--parallel", ...urls, ...urls, ...urls]);
        await stage.run("python3", [join(SCRIPTS, "urllib_client.py"), url]);
      };
    },
  },
  {
    name: "python-asyncio",
    what: "asyncio streams: 20 clients send random pieces and read them back; sock_sendfile; over ::1",
    programs: ["python3"],
    gaps: BY_SENDFILE,
    prepare: async (stage) => {
      const port = await stage.port();
      const file = stage.random("file.bin", 2_000_000);
      await stage.serve("python3", [join(SCRIPTS, "asyncio_echo.py"), "serve", "::1", String(port), file]);
      return async () => {
        await stage.run("python3", [join(SCRIPTS, "asyncio_echo.py"), "talk", "::1", String(port), file]);
      };
    },
  },
];
