import { once } from "node:events";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
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
  const address = taken.address() as AddressInfo;
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

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

test("figures of a collector are served while it runs", async () => {
  const port = await freePort();
  const ended = runCollectCommand(
    parseCollectCommand(["--listen", "127.0.0.1:0", "--metrics", String(port), "--duration", "1s"]),
  );
  const url = `http://127.0.0.1:${port}`;
  await expect.poll(() => fetch(`${url}/readyz`).then(({ status }) => status, String)).toBe(200);
  const figures = await (await fetch(`${url}/metrics`)).text();
  expect(figures).toContain("\ntcptracker_collect_batches_total 0\n");
  expect(figures).toContain("\ntcptracker_collect_streams 0\n");
  expect(await ended).toBe(0);
  await expect(fetch(url)).rejects.toThrow();
});

test("an address for figures that is taken ends it, and leaves nothing open", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const path = join(directory, "records.json");
  const args = ["--listen", "127.0.0.1:0", "--output", path, "--metrics", String(port)];
  await expect(runCollectCommand(parseCollectCommand(args))).rejects.toMatchObject({
    code: "ERR_TAP_OPTION",
  });
  taken.close();
  expect(await runCollectCommand(parseCollectCommand([...args.slice(0, 4), "--duration", "1ms"]))).toBe(0);
});
