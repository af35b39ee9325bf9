import { collectDefaultMetrics, type Counter, type Gauge, Registry } from "prom-client";

/** Figures by the value of the one label; without a label by "". */
export type Figures = () => Readonly<Record<string, number | bigint | undefined>>;

/** Adds a metric `tcptracker_<name>` whose figures are asked for when somebody scrapes. */
export type Add = (
  kind: typeof Counter | typeof Gauge,
  name: string,
  help: string,
  figures: Figures,
  label?: string,
) => void;

/** A registry with the process's own figures (CPU time, memory, …), and what adds others. */
export function newRegistry(): { readonly registry: Registry; readonly add: Add } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const add: Add = (Kind, name, help, figures, label) => {
    const labelNames = label === undefined ? [] : [label];
    // It registers itself.
    new Kind({
      ...{ name: `tcptracker_${name}`, help, labelNames, registers: [registry] },
      collect() {
        this.reset();
        for (const [value, figure] of Object.entries(figures()))
          this.inc(label === undefined ? {} : { [label]: value }, Number(figure ?? 0));
      },
    });
  };
  return { registry, add };
}
