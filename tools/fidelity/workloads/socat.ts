/** socat: a relay, an echo, and files sent in one direction. */
import type { Stage, Workload } from "../workload.ts";

function address(port: number): string {
  return `TCP4:127.0.0.1:${port}`;
}

function listener(port: number): string {
  return `TCP4-LISTEN:${port},bind=127.0.0.1,reuseaddr,fork`;
}

async function listen(stage: Stage, port: number, what: string): Promise<void> {
  await stage.serve("socat", [listener(port), what], { ports: [port] });
}

export const socatWorkloads: readonly Workload[] = [
  {
    name: "socat-relay",
    what: "socat sends files through a socat relay to a socat echo, in blocks of several sizes",
    programs: ["socat"],
    prepare: async (stage) => {
      const [relay, echo] = [await stage.port(), await stage.port()];
      const file = stage.random("file.bin", 2_000_000);
      await listen(stage, echo, "PIPE");
      await listen(stage, relay, address(echo));
      return async () => {
        for (const block of ["100", "8192", "200000"]) {
          // -t: how long the other direction may take after the end of the file.
          const args = ["-t", "10", "-b", block, "-", address(relay)];
          await stage.run("socat", args, {
            input: block === "100" ? stage.random("small.bin", 50_000) : file,
          });
        }
      };
    },
  },
  {
    name: "socat-oneway",
    what: "socat sends files to a socat that only reads, and reads from one that only sends",
    programs: ["socat"],
    prepare: async (stage) => {
      const [sink, source] = [await stage.port(), await stage.port()];
      const file = stage.random("file.bin", 4_000_000);
      await stage.serve("socat", ["-u", listener(sink), `OPEN:/dev/null`], { ports: [sink] });
      await stage.serve("socat", ["-U", listener(source), `OPEN:${file},rdonly`], { ports: [source] });
      return async () => {
        await stage.run("socat", ["-u", `OPEN:${file},rdonly`, address(sink)]);
        await stage.run("socat", ["-u", address(source), "OPEN:/dev/null"]);
      };
    },
  },
];
