import type { ExporterStatistics } from "@tcptracker/grpc-exporter";
import { expect, test } from "vitest";
import { summaryLines } from "./exporting.ts";

const none = { batches: 0, records: 0, payloadBytes: 0, undeclaredBytes: 0 };
const losses = { queue_full: none, spool_full: none, spool_damaged: none, rejected: none };
const counts = { records: 30, batches: 3, resentBatches: 1 };
const statisticsWith = (more: Partial<ExporterStatistics["losses"]>): ExporterStatistics =>
  ({ ...counts, losses: { ...losses, ...more } }) as ExporterStatistics;
const lost = { ...none, batches: 1, records: 10, payloadBytes: 2048 };

test("what was given up is said, and which part of it nobody declares", () => {
  const rest = [0, { batches: 0, lost: 0 }, undefined] as const;
  expect(summaryLines(statisticsWith({}), ...rest)).toEqual([
    "exported 30 records in 3 batches, 1 sent again",
  ]);
  expect(summaryLines(statisticsWith({ queue_full: lost }), ...rest)[1]).toBe(
    "10 records with 2.0 KiB given up (queue_full), declared missing",
  );
  const partly = { ...lost, undeclaredBytes: 100 };
  expect(summaryLines(statisticsWith({ spool_full: partly }), ...rest)[1]).toBe(
    "10 records with 2.0 KiB given up (spool_full), 100 B of it NOT declared missing",
  );
});

test("what is left is lost, or in the spool, or some of both", () => {
  const lines = (left: number, gone: number, spool?: string): string[] =>
    summaryLines(statisticsWith({}), 0, { batches: left, lost: gone }, spool).slice(1);
  expect(lines(0, 0, "/s")).toEqual([]);
  expect(lines(2, 2)).toEqual(["2 batches were NOT delivered; a --spool would keep them"]);
  expect(lines(2, 0, "/s")).toEqual([
    "2 batches are not delivered yet; they are in /s and go with the next export",
  ]);
  expect(lines(5, 2, "/s")).toEqual([
    "2 batches were NOT delivered; the disk of /s did not take them",
    "3 batches are not delivered yet; they are in /s and go with the next export",
  ]);
});
