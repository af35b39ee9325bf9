/**
 * What `kubectl kustomize` makes of deploy/kubernetes, as objects.
 *
 *   node render.ts base    prints them as JSON
 */
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { parseAllDocuments } from "yaml";
import { findKubectl } from "./kubectl.ts";

/** Of the manifests. */
export const DIRECTORY: string = join(import.meta.dirname, "../../deploy/kubernetes");

/** An object of the API, as far as all of them are alike. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/**
 * `kustomization`: one of {@link DIRECTORY}, or anywhere by its absolute path.
 *
 * @throws with what kubectl says when it refuses
 */
export async function render(kustomization: string): Promise<Manifest[]> {
  const args = ["kustomize", resolve(DIRECTORY, kustomization)];
  const { status, error, stdout, stderr } = spawnSync(await findKubectl(), args, { encoding: "utf8" });
  if (error !== undefined) throw error;
  if (status !== 0 || stderr !== "") throw new Error(`kubectl kustomize ${kustomization}: ${stderr}`);
  return parseAllDocuments(stdout).map((document) => {
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    return document.toJS() as Manifest;
  });
}

if (import.meta.main) console.log(JSON.stringify(await render(process.argv[2] ?? "base")));
