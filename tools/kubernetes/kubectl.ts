// The kubectl to render with.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { Apt } from "../kernels/apt.ts";
import { cacheDirectory } from "../kernels/cache.ts";
import { HOST } from "../kernels/kernels.ts";

/** Of version 1: its kustomize is the first that has `labels`. */
const OLDEST_MINOR = 22;

/** The first release of Debian whose kubectl is new enough. */
const SUITE = "trixie";

let found: Promise<string> | undefined;

/**
 * This machine's, if it is new enough, else Debian's, which is kept in the cache; nothing is installed.
 *
 * @throws Error that says what to install, where there is no apt either
 */
export function findKubectl(): Promise<string> {
  return (found ??= find());
}

async function find(): Promise<string> {
  if (isNewEnough("kubectl")) return "kubectl";
  try {
    const apt = new Apt(join(dirname(cacheDirectory()), "kubectl"), [SUITE]);
    apt.update(false);
    return join(await apt.unpacked("kubectl", HOST), "files/usr/bin/kubectl");
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const wanted = `kubectl 1.${OLDEST_MINOR} or newer`;
    throw new Error(`install ${wanted}; Debian's cannot be fetched: ${reason}`, { cause });
  }
}

function isNewEnough(kubectl: string): boolean {
  const { status, stdout } = spawnSync(kubectl, ["version", "--client", "--output=json"], {
    encoding: "utf8",
  });
  if (status !== 0) return false;
  const { clientVersion } = JSON.parse(stdout) as { clientVersion: { major: string; minor: string } };
  // Such as `32+`.
  const [major, minor] = [clientVersion.major, clientVersion.minor].map((part) => Number.parseInt(part, 10));
  return major === 1 && (minor ?? 0) >= OLDEST_MINOR;
}
