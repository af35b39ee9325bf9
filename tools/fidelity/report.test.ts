import { expect, test } from "vitest";
import { formatFinding, formatTable, total, type Row } from "./report.ts";

const NGINX: Row = {
  workload: "nginx",
  connections: 12,
  wireBytes: 1_234_567,
  identical: 2_000_000,
  gaps: { sendfile: 469_134 },
  unread: 0,
  unsent: 0,
  differences: 0,
  differingBytes: 0,
};

const REDIS: Row = {
  ...NGINX,
  workload: "redis",
  connections: 1,
  gaps: { sendfile: 1, snaplen: 2 },
  unread: 3,
  unsent: 4,
  differences: 2,
  differingBytes: 10,
};

test("the table has its columns below each other, and the sum of more than one row", () => {
  const lines = formatTable([NGINX, REDIS]).split("\n");
  expect(lines).toHaveLength(4);
  expect(lines[0]).toMatch(/^workload {2}connections .* undeclared differences$/);
  expect(lines[1]).toMatch(/^nginx +12 +1,234,567 +2,000,000 +469,134 sendfile +0 +0 +0$/);
  expect(lines[2]).toMatch(/^redis +1 .* 1 sendfile, 2 snaplen +3 +4 +2 \(10 B\)$/);
  expect(lines[3]).toMatch(/^all +13 +2,469,134 +4,000,000 +469,137 +3 +4 +2 \(10 B\)$/);
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
});

test("one row is its own sum", () => {
  expect(formatTable([NGINX]).split("\n")).toHaveLength(2);
  expect(total([NGINX])).toEqual({ ...NGINX, workload: "all" });
});

test("a finding is one line", () => {
  const where = {
    connection: "127.0.0.1:1 - 127.0.0.1:2",
    end: "client curl[3]",
    direction: "egress",
  } as const;
  expect(formatFinding({ ...where, offset: 5000, size: 1, what: "tap 00, wire 01" })).toBe(
    "127.0.0.1:1 - 127.0.0.1:2, client curl[3], egress, 1 B at 5,000: tap 00, wire 01",
  );
});
