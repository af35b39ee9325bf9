/** Programs in Go, whose runtime polls sockets, and sends files by sendfile and relays by splice. */
import type { Workload } from "../workload.ts";

export const goWorkloads: readonly Workload[] = [
  {
    name: "go-caddy-hey",
    what: "hey (Go) asks caddy (Go), a file server and a proxy for itself, on 20 kept and on new connections",
    programs: ["caddy", "hey"],
    gaps: { may: ["segments", "sendfile", "splice"] },
    prepare: async (stage) => {
      const [files, proxy] = [await stage.port(), await stage.port()];
      stage.random("www/small.bin", 700);
      stage.random("www/large.bin", 600_000);
      const caddyfile = stage.write(
        "Caddyfile",
        `{
  admin off
  auto_https off
}
http://127.0.0.1:${files} {
  bind 127.0.0.1
  root * ${stage.path("www")}
  file_server
}
http://127.0.0.1:${proxy} {
  bind 127.0.0.1
  reverse_proxy 127.0.0.1:${files} {
    transport http {
      keepalive 1s
    }
  }
}
`,
      );
      const env = { HOME: stage.directory, XDG_DATA_HOME: stage.directory, XDG_CONFIG_HOME: stage.directory };
      await stage.serve("caddy", ["run", "--config", caddyfile, "--adapter", "caddyfile"], { env });
      return async () => {
        const hey = async (requests: number, path: string, ...more: readonly string[]): Promise<unknown> =>
          await stage.run("hey", ["-n", String(requests), "-c", "20", ...more, `http://127.0.0.1:${path}`]);
        await hey(2000, `${files}/small.bin`);
        await hey(40, `${files}/large.bin`);
        await hey(200, `${files}/small.bin`, "-disable-keepalive");
        await hey(400, `${proxy}/small.bin`);
        await hey(20, `${proxy}/large.bin`);
      };
    },
  },
];
