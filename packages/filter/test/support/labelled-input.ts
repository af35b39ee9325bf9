import type { TapRecord } from "@tcptracker/events";
import { RecordInput } from "../../src/index.ts";
import type { Labels } from "./oracle.ts";

/** A record whose pod has labels. */
export class LabelledInput extends RecordInput {
  readonly labels: Labels;

  constructor(record: TapRecord, labels: Labels) {
    super(record);
    this.labels = labels;
  }

  override attribute(name: string, key?: string): string {
    return name === "pod.labels" ? (this.labels[key ?? ""] ?? "") : super.attribute(name);
  }
}
