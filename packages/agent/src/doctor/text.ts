import type { Paint } from "../sinks/text.ts";
import type {
  BlindSpot,
  CallHook,
  Declaration,
  Diagnosis,
  Finding,
  FindingState,
  WayReport,
} from "./diagnosis.ts";
import { missingCalls } from "./blind-spots.ts";
import { kernelWords } from "./explain-refusal.ts";

const WIDTH = 80;
/** Room for the state at the beginning of a line. */
const STATE_WIDTH = 9;
const INDENT = 2;

const COLOURS = { ok: "green", info: "dim", warning: "yellow", problem: "red" } as const;

const HEADINGS: Readonly<Record<Finding["area"], string>> = {
  kernel: "Kernel",
  rights: "Rights of this process",
  security: "Security settings",
  installation: "Installation",
  ways: "What that means",
};

const WAY_STATES = { chosen: "chosen", usable: "usable", refused: "no", untried: "-" } as const;
const WAY_COLOURS = { chosen: "green", usable: "green", refused: "yellow", untried: "dim" } as const;

const DECLARED: Readonly<Record<Declaration, string>> = {
  gap: "declared",
  counter: "counted",
  nothing: "unseen",
  impossible: "ok",
};

/** The diagnosis as text, piece by piece: each piece is complete lines. */
export class DoctorText {
  readonly #paint: Paint;
  #heading = "";
  readonly #advised = new Set<string>();

  constructor(paint: Paint) {
    this.#paint = paint;
  }

  /** A finding, with the heading of its area before the first one. */
  finding({ area, state, text, advice }: Finding): string {
    return this.#under(HEADINGS[area]) + this.#entry(this.#state(state), text, advice);
  }

  /** One of the ways to tap, after it was tried. */
  way({ strategy, kind, transport, state, reasons, hooks }: WayReport): string {
    const label = this.#paint(WAY_COLOURS[state], WAY_STATES[state].padEnd(STATE_WIDTH));
    const name = `${strategy.padEnd(11)}${kind.padEnd(6)}${transport.padEnd(8)}`;
    return (
      this.#under("Ways to tap, each tried just now") +
      this.#entry(label, name + detailOf(state, reasons, hooks))
    );
  }

  /** Something that is not seen. */
  blindSpot({ declared, state, title, text }: BlindSpot): string {
    const label = this.#paint(COLOURS[state], DECLARED[declared].padEnd(STATE_WIDTH));
    return this.#under("What a tap does not see here") + this.#entry(label, `${title}. ${text}`);
  }

  /** Which system call is hooked how. */
  hooks(hooks: readonly CallHook[]): string {
    if (hooks.length === 0) return "";
    const attached = hooks.filter(({ reason }) => reason === undefined);
    const targets = new Map<string, string[]>();
    for (const { call, target } of attached) {
      // "__x64_sys_read" for read, and so on: the same for all but a few.
      const pattern = target.endsWith(`_${call}`) ? `${target.slice(0, -call.length)}<name>` : target;
      targets.set(pattern, [...(targets.get(pattern) ?? []), call]);
    }
    const label = this.#paint("green", "hooked".padEnd(STATE_WIDTH));
    const lines = [...targets].map(([target, calls]) =>
      this.#entry(
        label,
        calls.length === 1 ? `${calls[0] ?? ""} by ${target}` : `by ${target}: ${calls.join(", ")}`,
      ),
    );
    const missing = hooks.flatMap(({ call, reason }) =>
      reason === undefined ? [] : [this.#entry(this.#state("warning"), `${call}: ${firstLine(reason)}`)],
    );
    return this.#under("System calls") + lines.join("") + missing.join("");
  }

  /** The verdict. */
  verdict({ verdict, summary }: Pick<Diagnosis, "verdict" | "summary">): string {
    const state = verdict === "works" ? "ok" : "problem";
    return this.#under("Verdict") + this.#entry(this.#state(state), summary);
  }

  #under(heading: string): string {
    if (heading === this.#heading) return "";
    const gap = this.#heading === "" ? "" : "\n";
    this.#heading = heading;
    return `${gap}${this.#paint("bold", heading)}\n`;
  }

  #state(state: FindingState): string {
    return this.#paint(COLOURS[state], state.padEnd(STATE_WIDTH));
  }

  #entry(label: string, text: string, advice?: string): string {
    const lines = wrap(text, WIDTH - INDENT - STATE_WIDTH);
    // The same advice once is enough.
    const fresh = advice !== undefined && !this.#advised.has(advice);
    if (fresh) this.#advised.add(advice);
    const advised = !fresh ? [] : wrap(advice, WIDTH - INDENT - STATE_WIDTH - 3);
    const margin = " ".repeat(INDENT + STATE_WIDTH);
    return [
      ...lines.map((line, index) => (index === 0 ? " ".repeat(INDENT) + label : margin) + line),
      ...advised.map((line, index) => `${margin}${index === 0 ? "-> " : "   "}${line}`),
    ]
      .map((line) => `${line.trimEnd()}\n`)
      .join("");
  }
}

function detailOf(
  state: WayReport["state"],
  reasons: WayReport["reasons"],
  hooks: readonly CallHook[],
): string {
  switch (state) {
    case "chosen":
    case "usable": {
      const missing = missingCalls(hooks);
      return `${hooks.length - missing.length} of ${hooks.length} system calls`;
    }
    case "refused":
      return [...new Set(reasons.map(kernelWords))].join("; ");
    case "untried":
      return "not tried";
  }
}

function firstLine(text: string): string {
  return text.split("\n")[0] ?? text;
}

/** Lines of at most `width` characters, unless a word is longer. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  // Runs of blanks align columns; they are kept, but for where a line ends.
  for (const word of text.replaceAll(/\s*\n\s*/g, " ").match(/\S+\s*/g) ?? []) {
    const line = lines.at(-1);
    if (line === undefined || (line + word.trimEnd()).length > width) lines.push(word);
    else lines[lines.length - 1] = line + word;
  }
  return lines.map((line) => line.trimEnd());
}
