import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCollectCommand } from "./collect-command.ts";
import { parseCollectCommand } from "./collect-options.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-collect-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test("one that does not get its port leaves the file as it is, for the next one", async () => {
  const path = join(directory, "records.json");
  writeFileSync(path, "before\n");
  writeFileSync(`${path}.batches`, `7 ${"a".repeat(32)} 1\n`);
  appendFileSync(path, "half");
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const address = taken.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  const collect = (port: number): Promise<number> =>
    runCollectCommand(
      parseCollectCommand(["--listen", `127.0.0.1:${port}`, "--output", path, "--duration", "1ms"]),
    );
  await expect(collect(address.port)).rejects.toMatchObject({ code: "ERR_EXPORT_OPTION" });
  expect(readFileSync(path, "utf8")).toBe("before\nhalf");
  taken.close();
  expect(await collect(0)).toBe(0);
  expect(readFileSync(path, "utf8")).toBe("before\n");
});
