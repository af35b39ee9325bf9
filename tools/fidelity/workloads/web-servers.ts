/** Other web servers: Apache and lighttpd. */
import { BY_SENDFILE, type Stage, type Workload } from "../workload.ts";
import { text } from "./nginx.ts";

function fill(stage: Stage): string[] {
  const sizes = [0, 400, 9000, 2_000_000];
  for (const size of sizes) stage.random(`www/${size}.bin`, size);
  stage.write("www/text.txt", text(20_000));
  return [...sizes.map((size) => `${size}.bin`), "text.txt"];
}

function apacheConfiguration(stage: Stage, port: number): string {
  const modules = ["mpm_event", "authz_core", "mime", "deflate", "filter"];
  const loads = modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
  return `${loads.join("\n")}
ServerRoot ${stage.directory}
ServerName localhost
DefaultRuntimeDir ${stage.directory}
PidFile ${stage.path("apache.pid")}
ErrorLog ${stage.path("error.log")}
User www-data
Group www-data
Listen 127.0.0.1:${port}
DocumentRoot ${stage.path("www")}
TypesConfig /dev/null
AddType text/plain .txt
AddOutputFilterByType DEFLATE text/plain
EnableSendfile On
EnableMMAP On
KeepAlive On
KeepAliveTimeout 5
MaxKeepAliveRequests 0
StartServers 1
ThreadsPerChild 8
MaxRequestWorkers 8
`;
}

export const webServerWorkloads: readonly Workload[] = [
  {
    name: "apache-ab",
    what: "ab and curl ask Apache (event threads, sendfile, mmap, deflate) on kept and new connections",
    programs: ["apache2", "ab", "curl"],
    gaps: BY_SENDFILE,
    prepare: async (stage) => {
      const port = await stage.port();
      const names = fill(stage);
      const file = stage.write("apache.conf", apacheConfiguration(stage, port));
      await stage.serve("apache2", ["-X", "-f", file]);
      return async () => {
        const url = `http://127.0.0.1:${port}`;
        await stage.run("ab", ["-q", "-k", "-n", "2000", "-c", "6", `${url}/400.bin`]);
        await stage.run("ab", ["-q", "-n", "300", "-c", "6", `${url}/9000.bin`]);
        await stage.run("ab", ["-q", "-k", "-n", "10", "-c", "2", `${url}/2000000.bin`]);
        const urls = names.flatMap((name) => [`${url}/${name}`, "-o", "/dev/null"]);
        await stage.run("curl", ["-sS", "--fail", "--compressed", ...urls]);
      };
    },
  },
  {
    name: "lighttpd-wget",
    what: "wget and curl ask lighttpd over ::1, among them uploads that it refuses",
    programs: ["lighttpd", "wget", "curl"],
    gaps: BY_SENDFILE,
    prepare: async (stage) => {
      const port = await stage.port();
      const names = fill(stage);
      const upload = stage.random("upload.bin", 500_000);
      const file = stage.write(
        "lighttpd.conf",
        `server.document-root = "${stage.path("www")}"\nserver.bind = "[::1]"\nserver.port = ${port}\n` +
          `server.modules = ()\nserver.errorlog = "${stage.path("error.log")}"\n`,
      );
      await stage.serve("lighttpd", ["-D", "-f", file]);
      return async () => {
        const url = `http://[::1]:${port}`;
        const urls = names.map((name) => `${url}/${name}`);
        await stage.run("wget", ["-q", "-O", "/dev/null", ...urls, ...urls]);
        await stage.run("curl", [
          "-sS",
          "-g",
          "--parallel",
          ...urls.flatMap((each) => [each, "-o", "/dev/null"]),
        ]);
        // The server answers 4xx and may close while curl still sends.
        await stage.run("curl", ["-sS", "-g", "-T", upload, `${url}/upload`, "-o", "/dev/null"], {
          codes: [0, 55, 56],
        });
      };
    },
  },
];
