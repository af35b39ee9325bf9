// What `kubectl kustomize` makes of deploy/kubernetes, as objects.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

export const DIRECTORY = join(import.meta.dirname, "../../deploy/kubernetes");

/** An object of the API, as far as all of them are alike. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Why manifests cannot be rendered here; undefined when they can. kubectl before 1.22 has a kustomize without `labels`. */
export function whyNoKubectl(): string | undefined {
  const { status, error, stdout } = spawnSync("kubectl", ["version", "--client", "--output=json"], {
    encoding: "utf8",
  });
  if (error !== undefined || status !== 0)
    return `kubectl does not run: ${error?.message ?? `exit code ${status ?? "none"}`}`;
  const { clientVersion } = JSON.parse(stdout) as { clientVersion: { major: string; minor: string } };
  const [major, minor] = [clientVersion.major, clientVersion.minor].map((part) => Number.parseInt(part, 10));
  if (major === 1 && (minor ?? 0) < 22) return `kubectl is ${major}.${minor ?? 0}; 1.22 or newer is needed`;
  return undefined;
}

/** @throws with what kubectl says when it refuses */
export function render(kustomization: string): Manifest[] {
  const { status, error, stdout, stderr } = spawnSync(
    "kubectl",
    ["kustomize", join(DIRECTORY, kustomization)],
    {
      encoding: "utf8",
    },
  );
  if (error !== undefined) throw error;
  if (status !== 0 || stderr !== "") throw new Error(`kubectl kustomize ${kustomization}: ${stderr}`);
  return parseAllDocuments(stdout).map((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    return document.toJS() as Manifest;
  });
}
