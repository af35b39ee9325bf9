// Which scenarios of the catalog run: every one, unless TCPTRACKER_TEST_SCENARIOS asks for fewer.
import { catalog, type Scenario } from "../../traffic/catalog.ts";

/** Everything that a tap should say something of. */
const connected: readonly Scenario[] = catalog.filter(({ connections }) => connections.length > 0);

/** Whether everything runs, or only what needs neither a tap of its own nor much time: TCPTRACKER_TEST_SCENARIOS. */
export const THOROUGH: boolean = process.env["TCPTRACKER_TEST_SCENARIOS"] !== "few";

/** The first scenario of each shape of system calls, in each family, and for each moment at which a tap may join. */
export function representatives(): readonly Scenario[] {
  const first = new Map<string, Scenario>();
  for (const scenario of connected.filter(({ largestCall }) => largestCall >= 4096)) {
    const [mode, send, receive] = scenario.name.split(" ");
    const family = scenario.args[scenario.args.indexOf("--family") + 1];
    const shape =
      mode === "pair" && scenario.args.includes("--family")
        ? `family ${family ?? ""} ${send === "write" || send === "sendmsg" ? send : "others"}`
        : mode === "pair"
          ? `${send ?? ""} ${receive ?? ""}`
          : (mode ?? "");
    const key = `${shape} ${scenario.attach}`;
    if (!first.has(key)) first.set(key, scenario);
  }
  return Array.from(first.values());
}

/**
 * The scenarios to run, by TCPTRACKER_TEST_SCENARIOS: `all` (the default), or `few`: those of the representatives that need no
 * tap of their own, which takes a slow machine many seconds to load.
 */
export function chosenScenarios(): readonly Scenario[] {
  const choice = process.env["TCPTRACKER_TEST_SCENARIOS"] || "all";
  if (choice === "all") return connected;
  if (choice === "few") return representatives().filter(({ attach }) => attach === "before");
  throw new Error(`TCPTRACKER_TEST_SCENARIOS must be all or few, not '${choice}'`);
}
