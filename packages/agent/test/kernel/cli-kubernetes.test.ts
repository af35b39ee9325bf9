/** The command on a node of Kubernetes, as far as it can tell: a cgroup of a pod, and an API that knows the pod. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { Agent } from "./support/agent.ts";
import { ContainerCgroup } from "./support/container.ts";
import { startServer, type Listening } from "./support/http.ts";
import { KubernetesApi } from "./support/kubernetes-api.ts";
import { recordsOf } from "./support/tiling.ts";

const id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const uid = "ac04f3f2-1f2c-11e9-b015-1ebee232acfa";
const slice = `kubepods-burstable-pod${uid.replaceAll("-", "_")}.slice`;
const pod = {
  metadata: {
    ...{ name: "web-7d9f-abcde", namespace: "shop", uid, resourceVersion: "7" },
    labels: { app: "web", "pod-template-hash": "7d9f" },
    ownerReferences: [{ kind: "ReplicaSet", name: "web-7d9f", controller: true }],
  },
  status: { containerStatuses: [{ name: "nginx", image: "nginx:1.29", containerID: `containerd://${id}` }] },
};

/** One whose address is that of the server of these tests. */
const service = {
  metadata: { name: "cart", namespace: "shop", uid: "8", resourceVersion: "7" },
  spec: { clusterIPs: ["127.0.0.1"] },
};

let server: Listening;
let cgroup: ContainerCgroup;

beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server[Symbol.asyncDispose]());

beforeEach(() => {
  cgroup = new ContainerCgroup(`kubepods.slice/kubepods-burstable.slice/${slice}/cri-containerd-${id}.scope`);
  onTestFinished(() => cgroup.remove());
});

/** The port of one with a node that has this pod. */
async function startApi(): Promise<number> {
  const api = await KubernetesApi.start({ pods: [pod], services: [service] });
  onTestFinished(() => api[Symbol.asyncDispose]());
  return api.port;
}

function kubeconfig(port: number): string {
  const directory = mkdtempSync(join(tmpdir(), "kubeconfig-"));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const path = join(directory, "config");
  const address = `http://127.0.0.1:${port}`;
  const config = {
    clusters: [{ name: "c", cluster: { server: address, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: { token: "t" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  writeFileSync(path, JSON.stringify(config));
  return path;
}

function recordsFor(agent: Agent): TapRecord[] {
  return recordsOf(agent.records(), { remote: server.port });
}

test("records have the pod, and what Kubernetes calls the container", async () => {
  const args = ["--json", "--kubeconfig", kubeconfig(await startApi()), "--node-name", "node-1"];
  await using agent = await Agent.tapping(args);
  cgroup.make();
  await cgroup.request(server.port, "/from-pod");
  await cgroup.remove();
  const { code, stderr } = await agent.stop();
  const records = recordsFor(agent);
  expect(records.map(({ type }) => type)).toEqual(expect.arrayContaining(["open", "data", "close"]));
  const owner = { kind: "Deployment", name: "web" };
  for (const record of records) {
    expect(record.container).toEqual({ id, name: "nginx", image: "nginx:1.29", runtime: "containerd" });
    const { name, namespace, labels } = pod.metadata;
    expect(record.pod).toEqual({ name, namespace, uid, labels, owner });
  }
  expect([code, stderr]).toEqual([0, expect.not.stringContaining("ERR_")]);
});

test("records have the service at the other end, if that is wanted", async () => {
  const config = kubeconfig(await startApi());
  await using agent = await Agent.tapping(["--json", "--kubeconfig", config, "--kubernetes-remote"]);
  cgroup.make();
  await cgroup.request(server.port, "/from-pod");
  await cgroup.remove();
  expect((await agent.stop()).code).toBe(0);
  const records = recordsFor(agent);
  expect(records).not.toEqual([]);
  for (const { remote } of records)
    expect(remote).toEqual({
      ...{ address: "127.0.0.1", port: server.port },
      service: { name: "cart", namespace: "shop" },
    });
});

test("without the API it taps, and says so", async () => {
  const unused = await startServer();
  await unused[Symbol.asyncDispose]();
  await using agent = await Agent.tapping(["--json", "--kubeconfig", kubeconfig(unused.port)]);
  cgroup.make();
  await cgroup.request(server.port, "/from-pod");
  const { code, stderr } = await agent.stop();
  const records = recordsFor(agent);
  expect(records).not.toEqual([]);
  for (const record of records) {
    expect(record.container).toEqual({ id, runtime: "containerd" });
    expect(record).not.toHaveProperty("pod");
  }
  expect(code).toBe(0);
  expect(stderr).toMatch(
    /^tcptracker: ERR_CONTAINERS_KUBERNETES: .*\(ECONNREFUSED\): new pods have no names/m,
  );
});

test("a kubeconfig that is none ends it", async () => {
  await using agent = new Agent(["tap", "--kubeconfig", "/nowhere"]);
  const { code, stderr } = await agent.ended();
  expect([code, stderr]).toEqual([
    1,
    expect.stringContaining("ERR_CONTAINERS_KUBERNETES: cannot use /nowhere"),
  ]);
});
