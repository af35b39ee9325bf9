/** Programs that move files or just bytes, and a proxy that moves them without looking. */
import { BY_SENDFILE, type Stage, type Workload } from "../workload.ts";

function haproxyConfiguration(front: number, back: number): string {
  return `global
  maxconn 100
defaults
  mode tcp
  option splice-request
  option splice-response
  timeout connect 5s
  timeout client 20s
  timeout server 20s
listen relay
  bind 127.0.0.1:${front}
  server back 127.0.0.1:${back}
`;
}

function fill(stage: Stage, directory: string): string {
  for (let i = 0; i < 40; i++) stage.random(`${directory}/d${i % 5}/small-${i}`, i * 300);
  for (let i = 0; i < 3; i++) stage.random(`${directory}/large-${i}`, 1_500_000);
  return stage.path(directory);
}

export const bulkWorkloads: readonly Workload[] = [
  {
    name: "haproxy-splice",
    what: "curl asks Python's web server through an haproxy that splices",
    programs: ["haproxy", "curl", "python3"],
    gaps: { must: ["splice"] },
    prepare: async (stage) => {
      const [front, back] = [await stage.port(), await stage.port()];
      stage.random("www/large.bin", 5_000_000);
      stage.random("www/small.bin", 500);
      const root = ["--bind", "127.0.0.1", "--directory", stage.path("www")];
      await stage.serve("python3", ["-m", "http.server", String(back), ...root], { ports: [back] });
      const file = stage.write("haproxy.cfg", haproxyConfiguration(front, back));
      await stage.serve("haproxy", ["-db", "-f", file], { ports: [front] });
      return async () => {
        for (const name of ["large.bin", "small.bin"])
          await stage.run("curl", ["-sS", "--fail", "-o", "/dev/null", `http://127.0.0.1:${front}/${name}`]);
      };
    },
  },
  {
    name: "iperf3",
    what: "iperf3, 10 MB each: three connections, backwards, and by sendfile (--zerocopy)",
    programs: ["iperf3"],
    gaps: BY_SENDFILE,
    prepare: async (stage) => {
      const port = String(await stage.port());
      await stage.serve("iperf3", ["-s", "-B", "127.0.0.1", "-p", port]);
      return async () => {
        for (const options of [["-P", "3"], ["-R"], ["--zerocopy"]])
          await stage.run("iperf3", ["-c", "127.0.0.1", "-p", port, "-n", "10M", ...options]);
      };
    },
  },
  {
    name: "rsync",
    what: "rsync to and from an rsync daemon, twice, so that the second time there are only differences",
    programs: ["rsync"],
    prepare: async (stage) => {
      const port = String(await stage.port());
      const files = fill(stage, "files");
      const target = stage.write("target/keep", "");
      const module = `[m]\npath = ${target.replace(/keep$/, "")}\nread only = no\nuse chroot = no\nuid = root\ngid = root\n`;
      const file = stage.write("rsyncd.conf", `lock file = ${stage.path("lock")}\n${module}`);
      const daemon = ["--daemon", "--no-detach", "--address=127.0.0.1", `--port=${port}`, `--config=${file}`];
      await stage.serve("rsync", daemon);
      return async () => {
        const url = `rsync://127.0.0.1:${port}/m/`;
        await stage.run("rsync", ["-a", `${files}/`, url]);
        stage.random("files/large-1", 1_500_000);
        await stage.run("rsync", ["-a", "--checksum", `${files}/`, url]);
        await stage.run("rsync", ["-az", url, `${stage.path("back")}/`]);
      };
    },
  },
];
