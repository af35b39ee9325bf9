// Holds objects against the schemas of Kubernetes: values by kubernetes-models' validators, which let unknown fields pass, and
// fields by its types, which do not.
import { join } from "node:path";
import ts from "typescript";
import type { Manifest } from "./render.ts";

interface Model {
  validate(): void;
}

const OPTIONS: ts.CompilerOptions = {
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: [],
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
};

function moduleOf({ apiVersion }: Manifest): string {
  return `kubernetes-models/${apiVersion}`;
}

/** What is wrong with them, each with the object's kind and name. */
export async function findProblems(manifests: readonly Manifest[]): Promise<string[]> {
  const values = await Promise.all(manifests.map(findWrongValues));
  return [...values.flat(), ...findUnknownFields(manifests)];
}

async function findWrongValues(manifest: Manifest): Promise<string[]> {
  const models = (await import(moduleOf(manifest))) as Record<
    string,
    (new (data: Manifest) => Model) | undefined
  >;
  const Kind = models[manifest.kind];
  const name = `${manifest.kind} ${manifest.metadata.name}`;
  if (Kind === undefined) return [`${name}: there is no ${manifest.kind} in ${manifest.apiVersion}`];
  try {
    new Kind(manifest).validate();
    return [];
  } catch (error) {
    return [`${name}: ${error instanceof Error ? error.message : String(error)}`];
  }
}

/** Literals of the type of each kind: the compiler refuses what is not a field of it. */
function findUnknownFields(manifests: readonly Manifest[]): string[] {
  const file = join(import.meta.dirname, "manifests.generated.ts");
  const text = manifests
    .map(
      (manifest, index) =>
        `import type { I${manifest.kind} as Kind${index} } from ${JSON.stringify(moduleOf(manifest))};\n` +
        `export const object${index}: Kind${index} = ${JSON.stringify(manifest, undefined, 1)};\n`,
    )
    .join("\n");
  const base = ts.createCompilerHost(OPTIONS);
  const host: ts.CompilerHost = {
    ...base,
    fileExists: (path) => path === file || base.fileExists(path),
    getSourceFile: (path, version, ...rest) =>
      path === file ? ts.createSourceFile(path, text, version) : base.getSourceFile(path, version, ...rest),
  };
  const program = ts.createProgram([file], OPTIONS, host);
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const before = text.slice(0, diagnostic.start ?? 0);
    const index = Number(/const object(\d+)(?![^]*const object)/.exec(before)?.[1] ?? 0);
    const manifest = manifests[index];
    const message = ts.flattenDiagnosticMessageText(diagnostic.messageText, " ");
    return `${manifest?.kind ?? ""} ${manifest?.metadata.name ?? ""}: ${message}`;
  });
}
