/** The programs that the workloads run, and where Debian has them. Installed here and not by the setup: only this needs them. */
import { spawnSync } from "node:child_process";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { globSync } from "node:fs";
import { delimiter, join } from "node:path";

/** Command -> Debian package. */
export const PACKAGES = {
  ab: "apache2-utils",
  apache2: "apache2",
  caddy: "caddy",
  curl: "curl",
  haproxy: "haproxy",
  hey: "hey",
  iperf3: "iperf3",
  javac: "default-jdk-headless",
  lighttpd: "lighttpd",
  nginx: "nginx-light",
  openssl: "openssl",
  postgres: "postgresql",
  python3: "python3",
  "redis-server": "redis-server",
  rsync: "rsync",
  socat: "socat",
  tcpdump: "tcpdump",
  tshark: "tshark",
  wget: "wget",
} as const;

/** A command that workloads run. */
export type Program = keyof typeof PACKAGES;

/** What every workload needs. */
export const INSTRUMENTS: readonly Program[] = ["tcpdump", "tshark"];

const POLICY = "/usr/sbin/policy-rc.d";

/** Where servers may be that an ordinary path does not have; PostgreSQL keeps each version to itself. */
function directories(): string[] {
  const versions = globSync("/usr/lib/postgresql/*/bin").toSorted();
  return [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin", ...versions.toReversed()];
}

/** The path of a command; undefined if this machine does not have it. */
export function locate(command: string): string | undefined {
  return directories()
    .filter((directory) => directory !== "")
    .map((directory) => join(directory, command))
    .find((path) => existsSync(path));
}

/** Debian asks this script whether it may start the service that it has installed. */
function withoutServices(action: () => void): void {
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    action();
  } finally {
    if (ours) rmSync(POLICY);
  }
}

function apt(...args: readonly string[]): void {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  const { status, error } = spawnSync("apt-get", args, { env, stdio: ["ignore", 2, 2] });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`'apt-get ${args.join(" ")}' failed with exit code ${status}`);
}

/** Installs what is missing, aloud; where it may not, it throws and says what to install. */
export function provide(programs: readonly Program[], say: (text: string) => void): void {
  const missing = programs.filter((program) => locate(program) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((program) => PACKAGES[program]))];
  say(`this machine lacks ${missing.join(", ")}`);
  const install = ["install", "-y", "-qq", "--no-install-recommends", ...packages];
  if (locate("apt-get") === undefined)
    throw new Error(`there is no apt-get here; install the equivalents of ${packages.join(" ")}`);
  if (process.getuid?.() !== 0)
    throw new Error(`install them as root: apt-get install --no-install-recommends ${packages.join(" ")}`);
  say(`installing them, without starting services: apt-get ${install.join(" ")}`);
  withoutServices(() => {
    apt("update", "-qq");
    apt(...install);
  });
  const still = missing.filter((program) => locate(program) === undefined);
  if (still.length > 0)
    throw new Error(`apt-get has installed ${packages.join(" ")}, but not ${still.join(", ")}`);
}
