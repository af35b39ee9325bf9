/** Java: its own HTTP server and client (NIO, scattering and gathering). */
import { join } from "node:path";
import type { Workload } from "../workload.ts";

const SOURCE = join(import.meta.dirname, "scripts/HttpEcho.java");

export const javaWorkloads: readonly Workload[] = [
  {
    name: "java-http",
    what: "java.net.http.HttpClient and com.sun.net.httpserver: uploads and downloads, kept connections",
    programs: ["javac"],
    prepare: async (stage) => {
      const port = String(await stage.port());
      await stage.run("javac", ["-d", stage.directory, SOURCE]);
      const program = ["-cp", stage.directory, "HttpEcho"];
      await stage.serve("java", [...program, "serve", port]);
      return async () => {
        await stage.run("java", [...program, "ask", port]);
      };
    },
  },
];
