import { fileURLToPath } from "node:url";
import ts from "typescript";
import { expect } from "vitest";
import type { Diagnosis } from "../../../src/index.ts";

const SOURCE = fileURLToPath(new URL("diagnosis-under-test.ts", import.meta.url));
const INDEX = fileURLToPath(new URL("../../../src/doctor/diagnosis.ts", import.meta.url));

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ESNext,
  module: ts.ModuleKind.NodeNext,
  strict: true,
  exactOptionalPropertyTypes: true,
  allowImportingTsExtensions: true,
  customConditions: ["@tcptracker/source"],
  noEmit: true,
  skipLibCheck: true,
  types: ["node"],
};

/** What the compiler has against this JSON as a {@link Diagnosis}: nothing missing, nothing added, every code known. */
export function typeErrorsOf(json: string): string[] {
  const source =
    `import type { Diagnosis } from ${JSON.stringify(INDEX)};\n` +
    `export const diagnosis: Diagnosis = ${json};\n`;
  const files = ts.createCompilerHost(OPTIONS);
  const host: ts.CompilerHost = {
    ...files,
    getSourceFile: (name, version, ...rest) =>
      name === SOURCE
        ? ts.createSourceFile(name, source, version)
        : files.getSourceFile(name, version, ...rest),
    fileExists: (name) => name === SOURCE || files.fileExists(name),
    readFile: (name) => (name === SOURCE ? source : files.readFile(name)),
  };
  const program = ts.createProgram([SOURCE], OPTIONS, host);
  return program
    .getSemanticDiagnostics(program.getSourceFile(SOURCE))
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
}

/** The document that `doctor --json` printed. */
export function parseDiagnosis(stdout: string): Diagnosis {
  expect(stdout.endsWith("}\n")).toBe(true);
  return JSON.parse(stdout) as Diagnosis;
}

/** What `tap` says it is tapping by. */
export function attachedAs(stderr: string): string | undefined {
  return /^tcptracker: tapping .* by (.*); Ctrl-C stops$/m.exec(stderr)?.[1];
}
