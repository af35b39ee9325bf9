/** The agent and the collector as the manifests of deploy/kubernetes start them: their rights, mounts and configuration. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TapRecord } from "@tcptracker/events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Agent, type AgentResult } from "./support/agent.ts";
import { ContainerCgroup } from "./support/container.ts";
import { parseDiagnosis } from "./support/diagnosis.ts";
import { request, run, startServer } from "./support/http.ts";
import { KubernetesApi } from "./support/kubernetes-api.ts";
import { Manifests } from "./support/manifests.ts";
import { Pod, type Surroundings } from "./support/pod.ts";
import { recordsOf, tile } from "./support/tiling.ts";
import { until } from "./support/until.ts";
import { PublicCopy } from "./support/users.ts";

const SECONDS = 120;
/** kubectl may have to be fetched. */
const PREPARATION = 600_000;

const COLLECTOR = "tcptracker-collector.tcptracker.svc";

/** Numbers of capability.h. */
const BITS: Readonly<Record<string, number>> = { SYS_ADMIN: 21, SYS_RESOURCE: 24, PERFMON: 38, BPF: 39 };

const tools = join(import.meta.dirname, "../../../../tools/kubernetes");
const pki = join(import.meta.dirname, "../../../grpc-exporter/test/support/pki.ts");

let directory = "";
let copy: PublicCopy;
let base: Manifests;
let secrets: Surroundings["secrets"];
beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "tcptracker-kubernetes-"));
  copy = await PublicCopy.make();
  base = await Manifests.of("base");
  const { stdout } = await run(process.execPath, [join(tools, "secrets.ts")]);
  secrets = JSON.parse(stdout) as Surroundings["secrets"];
  await run(process.execPath, [pki, directory]);
}, PREPARATION);
afterAll(async () => {
  await copy[Symbol.asyncDispose]();
  rmSync(directory, { recursive: true });
});

const read = (name: string): string => readFileSync(join(directory, name), "utf8");

/** The agent's own. */
const own = podOf("tcptracker", "b");

/** Pods have addresses of their own on a node; here they are at ports of their own. */
function atPorts(collector: number): (text: string) => string {
  return (text) =>
    text
      .replace(`${COLLECTOR}:4319`, `${COLLECTOR}:${collector}`)
      .replaceAll(/0\.0\.0\.0:(4319|9464)$/gm, "127.0.0.1:0");
}

/** An agent's pod, from manifests that may be an overlay's. */
function agentPod(manifests: Manifests, api: KubernetesApi, collector = 4319): Promise<Pod> {
  return Pod.make(manifests.pod("DaemonSet"), {
    ...{ manifests, copy, secrets, edit: atPorts(collector), hosts: [COLLECTOR], cgroup: own.path },
    serviceAccount: { token: "t", "ca.crt": read("ca.pem"), namespace: "tcptracker" },
    env: { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: String(api.port) },
    fields: { "spec.nodeName": "node-1" },
  });
}

function startApi(pods: readonly object[] = [], services: readonly object[] = []): Promise<KubernetesApi> {
  const tls = { cert: read("server.pem"), key: read("server-key.pem") };
  return KubernetesApi.start({ pods, services, rules: base.rules(), tls });
}

/** What it says in the place of the parentheses, once it says so. */
async function says(agent: Agent, pattern: RegExp): Promise<string> {
  return await until(`${pattern.source} is said`, () => {
    if (agent.child.exitCode !== null) throw new Error(`it ended: ${agent.stderr}`);
    return pattern.exec(agent.stderr)?.[1];
  });
}

async function isWell(pod: Pod, agent: Agent): Promise<void> {
  const port = Number(await says(agent, /metrics on http:\/\/127\.0\.0\.1:(\d+)\//));
  const [{ livenessProbe, readinessProbe }] = pod.spec.containers;
  for (const { httpGet } of [livenessProbe, readinessProbe])
    await expect.poll(() => request(port, httpGet.path), { timeout: 20_000 }).toBe("ok\n");
}

/** As the kubelet ends it. */
async function terminate(agent: Agent): Promise<AgentResult> {
  process.kill(Pod.processOf(agent), "SIGTERM");
  return await agent.ended();
}

/** Those that this process has itself, as a mask. */
function maskOf(capabilities: readonly string[]): string {
  const bits = capabilities.map((name) => 1n << BigInt(BITS[name] ?? NaN));
  const own = BigInt(`0x${statusOf(process.pid)["CapBnd"] ?? ""}`);
  return (bits.reduce((mask, bit) => mask | bit, 0n) & own).toString(16).padStart(16, "0");
}

function statusOf(pid: number): Record<string, string> {
  const lines = readFileSync(`/proc/${pid}/status`, "utf8").split("\n");
  return Object.fromEntries(lines.map((line) => line.split(":\t") as [string, string]));
}

const NOTHING = "0".repeat(16);

/** A pod with one container, as the API and the cgroup's path have it. */
function podOf(namespace: string, digit: string): { readonly object: object; readonly path: string } {
  const id = digit.repeat(64);
  const uid = `${digit.repeat(8)}-0000-0000-0000-000000000000`;
  return {
    object: {
      metadata: { name: `${namespace}-1`, namespace, uid, resourceVersion: "7" },
      status: { containerStatuses: [{ name: "main", image: "i", containerID: `containerd://${id}` }] },
    },
    path: `kubepods.slice/kubepods-pod${uid.replaceAll("-", "_")}.slice/cri-containerd-${id}.scope`,
  };
}

/** Connects and lets the kernel send a file. */
const SEND_FILE = `
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection, open(sys.argv[2], "rb") as file:
    connection.sendfile(file)
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(4096): pass
`;

test(
  "agent and collector with their manifests' rights, mounts and configurations",
  {
    timeout: SECONDS * 1000,
  },
  async () => {
    const shop = podOf("shop", "a");
    const service = {
      metadata: { name: "cart", namespace: "shop", uid: "c" },
      spec: { clusterIPs: ["127.0.0.1"] },
    };
    await using api = await startApi([shop.object, own.object], [service]);
    await using server = await startServer();

    await using receiving = await Pod.make(base.pod("Deployment"), {
      ...{ manifests: base, copy, secrets, edit: atPorts(0), cgroup: podOf("tcptracker", "c").path },
    });
    const collector = receiving.start();
    const port = Number(await says(collector, /collecting on 127\.0\.0\.1:(\d+) by TLS; wants client/));
    expect(statusOf(Pod.processOf(collector))).toMatchObject({
      ...{ Uid: "1000\t1000\t1000\t1000", Gid: "1000\t1000\t1000\t1000", NoNewPrivs: "1" },
      ...{ CapInh: NOTHING, CapPrm: NOTHING, CapEff: NOTHING, CapBnd: NOTHING, CapAmb: NOTHING },
    });
    await isWell(receiving, collector);

    // Those made later are known a moment later.
    await using inShop = new ContainerCgroup(shop.path);
    inShop.make();
    await using tapping = await agentPod(base, api, port);
    const agent = tapping.start();
    await says(agent, /(the collector \S+ receives)/);
    const granted = maskOf(tapping.capabilities);
    expect(statusOf(Pod.processOf(agent))).toMatchObject({
      ...{ Uid: "0\t0\t0\t0", NoNewPrivs: "1" },
      ...{ CapInh: NOTHING, CapPrm: granted, CapEff: granted, CapBnd: granted, CapAmb: NOTHING },
    });
    await isWell(tapping, agent);

    const ours = (): TapRecord[] => recordsOf(collector.records(), { remote: server.port });
    const closed = (count: number): Promise<unknown> =>
      until("it is there", () => ours().filter(({ type }) => type === "close").length === count);
    await inShop.request(server.port, "/of-a-pod");
    const content = "sent from the pages of a file\n".repeat(100);
    writeFileSync(join(directory, "file"), `POST / HTTP/1.0\r\ncontent-length: 0\r\n\r\n${content}`);
    await run("python3", ["-c", SEND_FILE, String(server.port), join(directory, "file")]);
    await closed(2);
    await tapping.cgroup.request(server.port, "/of-its-own-namespace");
    await request(server.port, "/of-the-node");
    await closed(3);

    const { code, stderr } = await terminate(agent);
    // Where this host has version 1 cgroups, too: the base has no hostPID, which is said.
    const others = stderr.replace(/^.*ERR_CONTAINERS_HIERARCHY: .*share its pid namespace$/m, "");
    expect([code, others]).toEqual([0, expect.not.stringContaining("ERR_")]);
    expect((await terminate(collector)).code).toBe(0);
    const text = (records: readonly TapRecord[]): string =>
      records
        .map((record) => (record.type === "data" ? Buffer.from(record.payload ?? []).toString() : ""))
        .join("");
    expect(text(ours())).toContain("GET /of-a-pod");
    expect(text(ours())).toContain("GET /of-the-node");
    expect(text(ours())).toContain(content);
    // By the ConfigMap's filter.
    expect(text(ours())).not.toContain("its-own-namespace");
    const named = ours().filter(({ pod }) => pod !== undefined);
    expect(tile(named, "egress").captured).toBeGreaterThan("GET /of-a-pod".length);
    for (const { pod, container, remote } of named) {
      expect([pod?.name, container?.name]).toEqual(["shop-1", "main"]);
      expect(remote.service).toEqual({ name: "cart", namespace: "shop" });
    }
    // The role has what is asked for, and no more.
    expect(Array.from(api.refused)).toEqual([]);
    const allowed = base
      .rules()
      .flatMap(({ resources, verbs }) => resources.flatMap((name) => verbs.map((verb) => `${verb} ${name}`)));
    expect(Array.from(api.asked).sort()).toEqual(allowed.sort());
  },
);

test("the pods have nothing of their node's but the mounts", () => {
  for (const { hostPID, hostNetwork, containers } of [base.pod("DaemonSet"), base.pod("Deployment")]) {
    expect([hostPID, hostNetwork]).toEqual([undefined, undefined]);
    expect(containers[0].securityContext).toMatchObject({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
  }
});

test("with them doctor finds what it finds with all rights", { timeout: SECONDS * 1000 }, async () => {
  await using api = await startApi();
  await using pod = await agentPod(base, api);
  const found = async (agent: Agent): Promise<object> => {
    const { code, stdout, stderr } = await agent.ended(SECONDS);
    expect([code, stderr]).toEqual([0, ""]);
    const { attachedAs, hooks, blindSpots } = parseDiagnosis(stdout);
    return { attachedAs, hooks, sendfile: blindSpots.find(({ code: name }) => name === "sendfile")?.title };
  };
  await using unlimited = new Agent(["doctor", "--quick", "--json"]);
  expect(await found(pod.start(["doctor", "--quick", "--json"]))).toEqual(await found(unlimited));
});

describe("without one of its capabilities the agent ends with 3:", { timeout: SECONDS * 1000 }, () => {
  test.each([
    ["base", ["BPF", "PERFMON"]],
    ["overlays/older-nodes", ["SYS_ADMIN"]],
  ])("%s", async (kustomization, needed) => {
    const manifests = await Manifests.of(kustomization);
    await using api = await startApi();
    await using pod = await agentPod(manifests, api);
    expect(pod.capabilities).toEqual(expect.arrayContaining(needed));
    const available = pod.capabilities.filter((name) => maskOf([name]) !== NOTHING);
    const with_ = pod.start(pod.spec.containers[0].args, available);
    await says(with_, /(tapping the TCP connections)/);
    expect(statusOf(Pod.processOf(with_))).toMatchObject({ CapEff: maskOf(pod.capabilities) });
    expect((await terminate(with_)).code).toBe(0);
    for (const missing of needed) {
      const rest = available.filter((name) => name !== missing);
      const { code, stderr } = await pod.start(pod.spec.containers[0].args, rest).ended(30);
      expect([missing, code, stderr]).toEqual([
        missing,
        3,
        expect.stringContaining("not permitted") as string,
      ]);
    }
  });
});
