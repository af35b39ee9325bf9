// What comes back from a virtual machine.

/** One line of what guest/run.ts writes: one test, or a hook. */
export interface TestLine {
  readonly file: string;
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly milliseconds: number;
  /** Failed: what went wrong; skipped: why. */
  readonly error?: string;
}

/** The tests of one combination on one kernel. */
export interface Outcome {
  readonly passed: number;
  readonly skipped: number;
  readonly failures: readonly TestLine[];
  /** Whether it came to the end; a crash or the time limit may have stopped it. */
  readonly complete: boolean;
  readonly seconds: number;
}

function isTestLine(value: unknown): value is TestLine {
  if (typeof value !== "object" || value === null) return false;
  const { file, name, status } = value as Partial<Record<keyof TestLine, unknown>>;
  return (
    typeof file === "string" &&
    typeof name === "string" &&
    (status === "passed" || status === "failed" || status === "skipped")
  );
}

function parseLine(line: string): TestLine | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isTestLine(value) ? value : undefined;
  } catch {
    // The line that was being written when the machine stopped.
    return undefined;
  }
}

/** Reads the lines of one combination; what is no line of a test is left out. */
export function parseOutcome(text: string): Outcome {
  const lines = text.split("\n").flatMap((line) => parseLine(line) ?? []);
  const end = lines.find(({ file, name }) => file === "" && name === "(end)");
  const count = (wanted: TestLine["status"]): number =>
    // Names in parentheses are those of hooks.
    lines.filter(({ name, status }) => status === wanted && !name.startsWith("(")).length;
  return {
    passed: count("passed"),
    skipped: count("skipped"),
    failures: lines.filter(({ status }) => status === "failed"),
    complete: end !== undefined,
    seconds: Math.round(
      (end?.milliseconds ?? lines.reduce((sum, { milliseconds }) => sum + milliseconds, 0)) / 1000,
    ),
  };
}
