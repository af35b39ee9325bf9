/** redis-server, asked by redis-benchmark and redis-cli. */
import type { Stage, Workload } from "../workload.ts";

async function startRedis(stage: Stage, host: string): Promise<string[]> {
  const port = String(await stage.port());
  // Nothing is saved: no child process that writes snapshots in the middle of the run.
  const settings = ["--save", "", "--appendonly", "no", "--dir", stage.directory, "--timeout", "0"];
  await stage.serve("redis-server", ["--bind", host, "--port", port, ...settings]);
  return ["-h", host, "-p", port];
}

export const redisWorkloads: readonly Workload[] = [
  {
    name: "redis-pipelined",
    what: "redis-benchmark, 32 commands at a time on 20 connections: many commands in one call",
    programs: ["redis-server"],
    prepare: async (stage) => {
      const address = await startRedis(stage, "127.0.0.1");
      return async () => {
        const load = ["-P", "32", "-c", "20", "-q"];
        const bench = async (tests: string, requests: number, ...more: readonly string[]): Promise<unknown> =>
          await stage.run("redis-benchmark", [
            ...address,
            ...load,
            "-t",
            tests,
            "-n",
            String(requests),
            ...more,
          ]);
        // -r: random keys, so that not all commands are the same bytes.
        await bench("set,get,incr,lpush", 100_000, "-r", "100000");
        await bench("mset,lrange_100", 10_000, "-r", "100000");
        await bench("set,get", 5_000, "-d", "2000");
      };
    },
  },
  {
    name: "redis-overload",
    what: "the same with a tap whose buffer is the smallest that there is: it has to say what it loses",
    programs: ["redis-server"],
    tap: { bufferSize: 262144 },
    gaps: { must: ["ring_full"] },
    prepare: async (stage) => {
      const address = await startRedis(stage, "127.0.0.1");
      return async () => {
        const load = [
          "-P",
          "64",
          "-c",
          "50",
          "-q",
          "-t",
          "set,get",
          "-n",
          "100000",
          "-r",
          "100000",
          "-d",
          "100",
        ];
        await stage.run("redis-benchmark", [...address, ...load]);
      };
    },
  },
  {
    name: "redis-single",
    what: "redis-benchmark, one command at a time on 50 connections, over ::1",
    programs: ["redis-server"],
    prepare: async (stage) => {
      const address = await startRedis(stage, "::1");
      return async () => {
        const load = ["-c", "50", "-q", "-t", "set,get", "-n", "20000", "-r", "1000"];
        await stage.run("redis-benchmark", [...address, ...load]);
      };
    },
  },
  {
    name: "redis-cli",
    what: "redis-cli: mass insertion from a file, and values of 8 MB; with the tap's default snaplen",
    programs: ["redis-server"],
    tap: { snaplen: 262144 },
    gaps: { must: ["snaplen"] },
    prepare: async (stage) => {
      const address = await startRedis(stage, "127.0.0.1");
      const commands = Array.from({ length: 50_000 }, (_, i) => `SET key:${i} value-${i * 7919}\r\n`);
      const inserts = stage.write("inserts.txt", commands.join(""));
      const value = stage.random("value.bin", 8_000_000);
      return async () => {
        await stage.run("redis-cli", [...address, "--pipe"], { input: inserts });
        await stage.run("redis-cli", [...address, "-x", "SET", "large"], { input: value });
        await stage.run("redis-cli", [...address, "GET", "large"]);
        await stage.run("redis-cli", [...address, "--scan", "--pattern", "key:1*"]);
      };
    },
  },
];
