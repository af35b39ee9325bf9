// Docker, as far as the test needs it. Every command is bounded.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** What a command said; it is for the caller to mind the exit code. */
export interface Said {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function run(args: readonly string[], seconds: number, environment: NodeJS.ProcessEnv = {}): Said {
  const { status, error, stdout, stderr } = spawnSync("docker", args, {
    cwd: root,
    encoding: "utf8",
    env: { ...process.env, ...environment },
    maxBuffer: 256 * 1024 ** 2,
    timeout: seconds * 1000,
  });
  return { code: status, stdout, stderr: error === undefined ? stderr : `${stderr}${error.message}` };
}

/** Why containers cannot be run here; undefined when they can. */
export function whyNoEngine(): string | undefined {
  const version = run(["version", "--format", "{{.Server.Version}}"], 30);
  if (version.code !== 0) return `no container engine answers: ${lastLine(version.stderr)}`;
  const compose = run(["compose", "version"], 30);
  if (compose.code !== 0) return `'docker compose' does not run: ${lastLine(compose.stderr)}`;
  return undefined;
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

/** Where the test's images are named, apart from those of whoever runs it. They stay, for the next run. */
export const IMAGES = "tcptracker-test";

/** The demo under a project name of its own. */
export class Demo implements Disposable {
  readonly project: string;
  readonly #environment: NodeJS.ProcessEnv;

  constructor(project: string, environment: Readonly<Record<string, string>>) {
    this.project = project;
    this.#environment = { COMPOSE_PROJECT_NAME: project, TCPTRACKER_IMAGES: IMAGES, ...environment };
  }

  /** `docker compose`; throws when it fails or takes too long. */
  compose(
    args: readonly string[],
    seconds: number,
    environment: Readonly<Record<string, string>> = {},
  ): Said {
    const said = this.try(args, seconds, environment);
    if (said.code === 0) return said;
    throw new Error(
      `docker compose ${args.join(" ")}: exit code ${said.code ?? "none"}\n${said.stdout}${said.stderr}`,
    );
  }

  /** The same, whatever comes of it. */
  try(args: readonly string[], seconds: number, environment: Readonly<Record<string, string>> = {}): Said {
    const files = ["docker/compose.yaml", "tools/compose/json.yaml"].flatMap((file) => ["-f", file]);
    return run(["compose", ...files, ...args], seconds, { ...this.#environment, ...environment });
  }

  /** What a service's container has said, on both outputs, in lines. */
  linesOf(service: string): string[] {
    const { code, stdout, stderr } = run(["logs", `${this.project}-${service}-1`], 60);
    if (code !== 0) throw new Error(`docker logs ${service}: ${stderr}`);
    // A long line comes in pieces: the last one may not be whole yet.
    return [stdout, stderr].flatMap((text) => text.split("\n").slice(0, -1));
  }

  /** One property of a service's container, as `docker inspect --format` gives it. */
  inspect(service: string, format: string): string {
    const { code, stdout, stderr } = run(["inspect", "--format", format, `${this.project}-${service}-1`], 30);
    if (code !== 0) throw new Error(`docker inspect ${service}: ${stderr}`);
    return stdout.trim();
  }

  [Symbol.dispose](): void {
    const { code, stderr } = this.try(["down", "--volumes", "--timeout", "20"], 120);
    if (code !== 0) console.error(`compose: what was started is still there: ${stderr}`);
  }
}

/** Bytes of an image. */
export function sizeOf(image: string): number {
  return Number(run(["image", "inspect", "--format", "{{.Size}}", image], 30).stdout);
}
