import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { namedSockets, runtimeSources } from "./runtime-sources.ts";

function directory(): string {
  const path = mkdtempSync(join(tmpdir(), "runtime-sources-"));
  onTestFinished(() => {
    rmSync(path, { recursive: true });
  });
  return path;
}

async function listen(path: string): Promise<void> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(path, resolve));
  onTestFinished(() => {
    server.close();
  });
}

function names(dockerHost: string): string[] {
  vi.stubEnv("DOCKER_HOST", dockerHost);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  return runtimeSources().map(({ name }) => name);
}

test("asks where DOCKER_HOST says, if somebody listens there", async () => {
  const path = join(directory(), "docker.sock");
  const usual = names("");
  expect(names(`unix://${path}`)).toEqual(usual);
  await listen(path);
  expect(names(`unix://${path}`)).toEqual([`the container runtime at ${path}`, usual[1]]);
});

test("does not take a directory for a socket", () => {
  const path = join(directory(), "docker.sock");
  mkdirSync(path);
  expect(names(`unix://${path}`)).toEqual(names(""));
});

test("looks among the host's files, too", () => {
  expect(namedSockets("unix:///run/x.sock", "/proc/7/root")).toEqual([
    "/run/x.sock",
    "/proc/7/root/run/x.sock",
  ]);
});

test.each(["", "tcp://127.0.0.1:2375", "ssh://user@host", "unix://relative", "npipe:////./pipe/x"])(
  "passes over '%s', which is no socket of this host",
  (dockerHost) => {
    expect(namedSockets(dockerHost, "/host")).toEqual([]);
    expect(names(dockerHost)).toEqual(names(""));
  },
);

test("takes what it is given instead", () => {
  vi.stubEnv("DOCKER_HOST", "unix:///elsewhere");
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  expect(runtimeSources(["/a", "/b"]).map(({ name }) => name)).toEqual([
    "the container runtime at /a",
    "the container runtime at /b",
  ]);
});
