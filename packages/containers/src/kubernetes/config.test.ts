import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { kubernetesSource } from "./config.ts";

function kubeconfig(text: string): string {
  const directory = mkdtempSync(join(tmpdir(), "kubeconfig-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const path = join(directory, "config");
  writeFileSync(path, text);
  return path;
}

const usable = JSON.stringify({
  clusters: [{ name: "c", cluster: { server: "https://api.example:6443" } }],
  users: [{ name: "u", user: { token: "t" } }],
  contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
  "current-context": "x",
});

test("a kubeconfig says where the API is", () => {
  const source = kubernetesSource({ kubeconfig: kubeconfig(usable), nodeName: "node-1" });
  expect(source.name).toBe("Kubernetes at https://api.example:6443, node node-1");
  expect(source.isConnected).toBe(false);
  source.close();
});

test.each([
  ["is not there", () => "/nowhere/config"],
  ["has no cluster", () => kubeconfig("{}")],
  ["is no YAML", () => kubeconfig("{")],
])("one that %s is an error", (_what, path) => {
  expect(() => kubernetesSource({ kubeconfig: path() })).toThrow("ERR_CONTAINERS_KUBERNETES: cannot use /");
});

test("outside of a pod a kubeconfig is wanted", () => {
  expect(() => kubernetesSource({ nodeName: "node-1" })).toThrow(/is in no pod .*: name a kubeconfig$/);
});
