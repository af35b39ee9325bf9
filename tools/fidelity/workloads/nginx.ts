/** nginx, asked by curl and wget. */
import { BY_SENDFILE, type Stage, type Workload } from "../workload.ts";

interface Server {
  readonly listen: string;
  /** In the `http` block. */
  readonly http?: string;
  /** In the `server` block. */
  readonly server?: string;
}

function configuration(stage: Stage, { listen, http = "", server = "" }: Server): string {
  return `user root; daemon off; worker_processes 2; pid ${stage.path("nginx.pid")}; error_log stderr error;
events { worker_connections 256; }
http {
  access_log off; default_type application/octet-stream; types { text/plain txt; }
  client_body_temp_path ${stage.path("body")}; proxy_temp_path ${stage.path("proxy")};
  fastcgi_temp_path ${stage.path("fastcgi")}; uwsgi_temp_path ${stage.path("uwsgi")};
  scgi_temp_path ${stage.path("scgi")};
  ${http}
  server { listen ${listen}; root ${stage.path("www")}; ${server} }
}
`;
}

async function startNginx(stage: Stage, server: Server): Promise<void> {
  const file = stage.write("nginx.conf", configuration(stage, server));
  await stage.serve("nginx", ["-c", file, "-e", "stderr"]);
}

/** Text of many lines, which gzip makes a fifth of. */
export function text(lines: number): string {
  return Array.from({ length: lines }, (_, i) => `line ${i} of a text, ${(i * 7919) % 10007}\n`).join("");
}

/** Many small files and some large ones. */
function fill(stage: Stage): string[] {
  const sizes = [0, 1, 300, 4095, 65536, 1_000_000, 3_000_000];
  const names = sizes.map((size) => `${size}.bin`);
  for (const size of sizes) stage.random(`www/${size}.bin`, size);
  stage.write("www/text.txt", text(40_000));
  return [...names, "text.txt"];
}

/** Each file three times on connections that are kept, with ranges, compression, HEAD, and on new connections. */
async function askByCurl(stage: Stage, url: string, names: readonly string[]): Promise<void> {
  const urls = [...names, ...names, ...names].flatMap((name) => [`${url}/${name}`, "-o", "/dev/null"]);
  await stage.run("curl", ["-sS", "--fail", ...urls]);
  await stage.run("curl", ["-sS", "--fail", "--parallel", "--parallel-max", "8", ...urls]);
  await stage.run("curl", ["-sS", "--fail", "--compressed", `${url}/text.txt`, "-o", "/dev/null"]);
  await stage.run("curl", ["-sS", "--fail", "--head", ...urls]);
  await stage.run("curl", [
    "-sS",
    "--fail",
    "-r",
    "1000-900000,2000000-2999999",
    `${url}/3000000.bin`,
    "-o",
    "/dev/null",
  ]);
  for (let i = 0; i < 10; i++)
    await stage.run("curl", ["-sS", "--fail", `${url}/300.bin`, "-o", "/dev/null"]);
  await stage.run("curl", ["-sS", `${url}/is-not-there`, "-o", "/dev/null"]);
}

async function askByWget(stage: Stage, url: string, names: readonly string[]): Promise<void> {
  const urls = [...names, ...names].map((name) => `${url}/${name}`);
  await stage.run("wget", ["-q", "-O", "/dev/null", ...urls]);
  await stage.run("wget", ["-q", "-O", "/dev/null", "--no-http-keep-alive", ...urls]);
}

const GZIP = "gzip on; gzip_min_length 1; gzip_types text/plain; keepalive_timeout 10;";

export const nginxWorkloads: readonly Workload[] = [
  {
    name: "nginx-curl",
    what: "curl asks nginx: kept connections, in parallel, ranges, gzip, HEAD; sendfile off",
    programs: ["nginx", "curl"],
    prepare: async (stage) => {
      const port = await stage.port();
      const names = fill(stage);
      await startNginx(stage, { listen: `127.0.0.1:${port}`, http: `sendfile off; ${GZIP}` });
      return () => askByCurl(stage, `http://127.0.0.1:${port}`, names);
    },
  },
  {
    name: "nginx-sendfile",
    what: "the same with sendfile and tcp_nopush on",
    programs: ["nginx", "curl"],
    gaps: BY_SENDFILE,
    prepare: async (stage) => {
      const port = await stage.port();
      const names = fill(stage);
      await startNginx(stage, { listen: `127.0.0.1:${port}`, http: `sendfile on; tcp_nopush on; ${GZIP}` });
      return () => askByCurl(stage, `http://127.0.0.1:${port}`, names);
    },
  },
  {
    name: "nginx-threads",
    what: "wget asks an nginx that sends files from a pool of threads (aio threads, sendfile)",
    programs: ["nginx", "wget"],
    gaps: BY_SENDFILE,
    prepare: async (stage) => {
      const port = await stage.port();
      const names = fill(stage);
      await startNginx(stage, {
        listen: `127.0.0.1:${port}`,
        http: "sendfile on; aio threads; sendfile_max_chunk 100k;",
      });
      return () => askByWget(stage, `http://127.0.0.1:${port}`, names);
    },
  },
  {
    name: "nginx-snaplen",
    what: "curl asks nginx; a tap that keeps the first 1000 bytes of each call",
    programs: ["nginx", "curl"],
    tap: { snaplen: 1000 },
    gaps: { must: ["snaplen"] },
    prepare: async (stage) => {
      const port = await stage.port();
      const names = fill(stage);
      await startNginx(stage, { listen: `127.0.0.1:${port}`, http: "sendfile off;" });
      return async () => {
        const urls = names.flatMap((name) => [`http://127.0.0.1:${port}/${name}`, "-o", "/dev/null"]);
        await stage.run("curl", ["-sS", "--fail", ...urls, ...urls]);
      };
    },
  },
  {
    name: "nginx-overload",
    what: "eight curls at a time, and a tap with a buffer of 1 MiB: it has to say what it loses",
    programs: ["nginx", "curl"],
    tap: { bufferSize: 1048576 },
    gaps: { must: ["ring_full"] },
    prepare: async (stage) => {
      const port = await stage.port();
      const names = fill(stage);
      await startNginx(stage, { listen: `127.0.0.1:${port}`, http: "sendfile off;" });
      return async () => {
        const urls = names.flatMap((name) => [`http://127.0.0.1:${port}/${name}`, "-o", "/dev/null"]);
        const several = ["--parallel", "--parallel-immediate", "--parallel-max", "8"];
        await stage.run("curl", ["-sS", "--fail", ...several, ...urls, ...urls, ...urls]);
      };
    },
  },
  {
    name: "nginx-wget-ipv6",
    what: "wget asks nginx over ::1, with and without kept connections; sendfile on",
    programs: ["nginx", "wget"],
    gaps: BY_SENDFILE,
    prepare: async (stage) => {
      const port = await stage.port();
      const names = fill(stage);
      await startNginx(stage, { listen: `[::1]:${port}`, http: "sendfile on;" });
      return () => askByWget(stage, `http://[::1]:${port}`, names);
    },
  },
  {
    name: "nginx-proxy",
    what: "curl uploads through an nginx that is a proxy for another one; kept connections on both sides",
    programs: ["nginx", "curl"],
    prepare: async (stage) => {
      const [front, back] = [await stage.port(), await stage.port()];
      const names = fill(stage);
      const upload = stage.random("upload.bin", 3_000_000);
      await startNginx(stage, {
        listen: `127.0.0.1:${front}`,
        http: `sendfile off; client_max_body_size 100m; upstream back { server 127.0.0.1:${back}; keepalive 4; keepalive_timeout 1s; }
          server { listen 127.0.0.1:${back}; root ${stage.path("www")};
            location /echo { proxy_pass http://127.0.0.1:${back}/sink; } location /sink { return 204; } }`,
        server:
          'location / { proxy_pass http://back; proxy_http_version 1.1; proxy_set_header Connection ""; }',
      });
      return async () => {
        const url = `http://127.0.0.1:${front}`;
        await stage.run("curl", ["-sS", "--fail", "-T", upload, `${url}/echo`, "-T", upload, `${url}/echo`]);
        await stage.run("curl", ["-sS", "-F", `file=@${upload}`, `${url}/echo`]);
        const urls = names.flatMap((name) => [`${url}/${name}`, "-o", "/dev/null"]);
        await stage.run("curl", ["-sS", "--fail", ...urls]);
      };
    },
  },
  {
    name: "nginx-aborted",
    what: "curl leaves in the middle of downloads, by itself and killed, with bytes unread; sendfile on and off",
    programs: ["nginx", "curl"],
    gaps: BY_SENDFILE,
    prepare: async (stage) => {
      const port = await stage.port();
      stage.random("www/large.bin", 8_000_000);
      await startNginx(stage, {
        listen: `127.0.0.1:${port}`,
        http: "sendfile off; map $args $rate { default 0; slowly 2m; }",
        server: `limit_rate $rate; location /sendfile/ { alias ${stage.path("www")}/; sendfile on; }`,
      });
      return async () => {
        for (const path of ["large.bin", "sendfile/large.bin"]) {
          const url = `http://127.0.0.1:${port}/${path}`;
          // The one that curl writes to goes away, and curl with it.
          for (const size of [1, 20_000, 300_000, 2_000_000])
            await stage.run("bash", ["-c", `curl -sS ${url} | head -c ${size} >/dev/null`]);
          // curl waits for the one that it writes to, and is killed while its socket's buffer is full.
          await stage.run("bash", ["-c", `timeout -s KILL 0.3 curl -sS ${url} | sleep 0.5`]);
          // 28: curl's own limit of time.
          const slowly = ["-sS", "--max-time", "0.3", "-o", "/dev/null", `${url}?slowly`];
          await stage.run("curl", slowly, { codes: [28] });
        }
      };
    },
  },
];
