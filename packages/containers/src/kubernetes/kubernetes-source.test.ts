import { describe, expect, onTestFinished, test } from "vitest";
import { FakeHierarchy } from "../../test/support/hierarchy.ts";
import { FakeKubernetes, type FakePod } from "../../test/support/fake-kubernetes.ts";
import { until } from "../../test/support/until.ts";
import { Containers } from "../containers.ts";
import type { ContainersError } from "../errors.ts";
import { KubernetesSource } from "./kubernetes-source.ts";

const id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const uid = "ac04f3f2-1f2c-11e9-b015-1ebee232acfa";
const later = "bd15a4a3-1f2c-11e9-b015-1ebee232acfa";

function pod(
  name: string,
  podUid: string,
  labels: Readonly<Record<string, string>> = { app: name },
): FakePod {
  return { metadata: { name, namespace: "shop", uid: podUid, labels } };
}

interface Started {
  readonly server: FakeKubernetes;
  readonly source: KubernetesSource;
  readonly problems: ContainersError[];
}

async function start(
  prepare: (server: FakeKubernetes) => Promise<void> | void = () => undefined,
  token?: string,
  answerPatience?: number,
): Promise<Started> {
  const server = new FakeKubernetes();
  await server.start();
  await prepare(server);
  const source = new KubernetesSource({
    ...{ config: server.config(token), nodeName: "node-1" },
    ...(answerPatience === undefined ? {} : { answerPatience }),
  });
  onTestFinished(() => {
    source.close();
  });
  const problems: ContainersError[] = [];
  await source.start({
    onContainer: () => undefined,
    onPod: () => undefined,
    onProblem: (problem) => problems.push(problem),
  });
  return { server, source, problems };
}

describe("knows pods", () => {
  test("that are there, of its node only", async () => {
    const { server, source } = await start((created) => {
      created.put(pod("web", uid));
      created.put({ ...pod("far", later), spec: { nodeName: "node-2" } });
    });
    const identity = { name: "web", namespace: "shop", uid, labels: { app: "web" } };
    expect(source.isConnected).toBe(true);
    expect(source.pod(uid)).toEqual(identity);
    expect(source.pod(later)).toBeUndefined();
    expect(server.lists.map((query) => query.get("fieldSelector"))).toEqual(["spec.nodeName=node-1"]);
    await until("watching", () => server.watching === 1);
    expect(server.watches.map((query) => query.get("fieldSelector"))).toEqual(["spec.nodeName=node-1"]);
  });

  test("that come, change, and go, and their containers", async () => {
    const { server, source } = await start();
    await until("watching", () => server.watching === 1);
    server.put(pod("web", uid));
    await until("added", () => source.pod(uid) !== undefined);
    const containerStatuses = [{ name: "nginx", image: "nginx:1.29", containerID: `containerd://${id}` }];
    server.put({ ...pod("web", uid, { app: "shop" }), status: { containerStatuses } });
    await until("changed", () => source.pod(uid)?.labels?.["app"] === "shop");
    expect(source.container(id)).toMatchObject({ name: "nginx", image: "nginx:1.29", runtime: "containerd" });
    server.remove("shop", "web");
    server.put(pod("last", later));
    await until("gone", () => source.pod(later) !== undefined);
    // Records of its processes may still be on their way.
    expect(source.pod(uid)?.name).toBe("web");
    expect(source.container(id)?.name).toBe("nginx");
  });

  test("that run in the host's network, by their cgroup", async () => {
    const hierarchy = new FakeHierarchy();
    const cgroup = hierarchy.add(`kubepods/pod${uid}/${id}`);
    const host = hierarchy.add("system.slice/kubelet.service");
    const server = new FakeKubernetes();
    await server.start();
    server.put({ ...pod("node-exporter", uid), spec: { hostNetwork: true } });
    const source = new KubernetesSource({ config: server.config(), nodeName: "node-1" });
    const containers = await Containers.start({
      cgroupRoot: hierarchy.root,
      procRoot: hierarchy.proc,
      sources: [source],
    });
    onTestFinished(() => {
      containers.close();
    });
    expect(containers.of(cgroup).pod?.name).toBe("node-exporter");
    expect(containers.of(host)).toEqual({});
  });

  test("when they are asked for before the watch has told of them", async () => {
    const { server, source } = await start();
    await until("watching", () => server.watching === 1);
    const asked = source.ask({ podUid: uid });
    server.put(pod("web", uid));
    await asked;
    expect(source.pod(uid)?.name).toBe("web");
    expect(source.ask({ podUid: uid })).toBeUndefined();
    expect(source.ask({ podUid: undefined })).toBeUndefined();
  });
});

describe("a watch that", () => {
  test("ends is continued where it was", async () => {
    const { server, source } = await start();
    await until("watching", () => server.watching === 1);
    server.put(pod("web", uid));
    await until("told", () => source.pod(uid) !== undefined);
    server.endWatches();
    server.put(pod("next", later));
    await until("told", () => source.pod(later) !== undefined);
    expect(server.lists).toHaveLength(1);
  });

  test("breaks in the middle of a line is continued, too", async () => {
    const { server, source } = await start();
    await until("watching", () => server.watching === 1);
    server.breakWatches();
    server.put(pod("web", uid));
    await until("told", () => source.pod(uid) !== undefined);
    expect(server.lists).toHaveLength(1);
  });

  test("is too old (410 Gone) begins with a list again, which also tells who is gone and who is another", async () => {
    const { server, source } = await start((created) => {
      created.put(pod("web", uid));
    });
    await until("watching", () => server.watching === 1);
    server.endWatches();
    server.remove("shop", "web");
    server.put(pod("web", later));
    server.compact();
    await until("told", () => source.pod(later) !== undefined);
    expect(server.lists.length).toBeGreaterThan(1);
    await until("watching", () => server.watching === 1);
    // That of the first one has not come back with the second.
    server.put(pod("web", later, { app: "new" }));
    await until("changed", () => source.pod(later)?.labels?.["app"] === "new");
    expect(source.pod(uid)?.labels).toEqual({ app: "web" });
  });

  test("expires while it is open does, too", async () => {
    const { server, source } = await start();
    await until("watching", () => server.watching === 1);
    server.compact();
    server.expireWatches();
    server.put(pod("web", uid));
    await until("told", () => source.pod(uid) !== undefined);
    expect(server.lists.length).toBeGreaterThan(1);
  });
});

describe("a server that", () => {
  test("goes away and comes back is a problem in between, told once", async () => {
    const { server, source, problems } = await start((created) => {
      created.put(pod("web", uid));
    });
    await until("watching", () => server.watching === 1);
    await server.stop();
    await until("noticed", () => !source.isConnected);
    expect(source.ask({ podUid: later })).toBeUndefined();
    expect(source.pod(uid)?.name).toBe("web");
    server.put(pod("next", later));
    await server.start();
    await until("back", () => source.pod(later) !== undefined);
    expect(source.isConnected).toBe(true);
    expect(problems.every(({ code }) => code === "ERR_CONTAINERS_KUBERNETES")).toBe(true);
    expect(new Set(problems.map(({ message }) => message)).size).toBe(problems.length);
    expect(problems.length).toBeGreaterThan(0);
  });

  test.each([
    [403, "status 403", "ClusterRole"],
    [500, "status 500", "trying again"],
  ])("answers with %d at the start is one", async (status, reason, remedy) => {
    const { server, source, problems } = await start((created) => {
      created.failure = status;
    });
    expect(source.isConnected).toBe(false);
    expect(problems.map(({ message }) => message)).toEqual([expect.stringContaining(reason)]);
    expect(problems[0]?.message).toContain(remedy);
    server.failure = undefined;
    server.put(pod("web", uid));
    await until("back", () => source.pod(uid) !== undefined);
  });

  test("accepts and never answers is one, and is asked again", async () => {
    const { server, source, problems } = await start(
      (created) => {
        created.silent = true;
      },
      undefined,
      100,
    );
    expect(source.isConnected).toBe(false);
    expect(problems.map(({ message }) => message)).toEqual([
      expect.stringContaining("does not answer (no answer within 0.1 s)"),
    ]);
    server.silent = false;
    server.put(pod("web", uid));
    await until("back", () => source.pod(uid) !== undefined && source.isConnected);
  });

  test("stops answering is one, and whoever is quiet is not", async () => {
    const { server, source, problems } = await start(undefined, undefined, 300);
    // Watches end for want of anything to tell, and are made again.
    await until("watching again", () => server.watches.length > 2);
    expect([source.isConnected, problems]).toEqual([true, []]);
    server.silent = true;
    await until("told", () => problems.length > 0);
    expect(source.isConnected).toBe(false);
    expect(problems[0]?.message).toContain("no answer within 0.3 s");
    server.silent = false;
    server.put(pod("web", uid));
    await until("back", () => source.pod(uid) !== undefined && source.isConnected);
    expect(problems).toHaveLength(1);
  });

  test.each(["list", "watch"])("does not answer a %s keeps nobody who closes", async (request) => {
    const server = new FakeKubernetes();
    await server.start();
    server.silent = request === "list";
    const source = new KubernetesSource({ config: server.config(), nodeName: "node-1" });
    const started = source.start({
      onContainer: () => undefined,
      onPod: () => undefined,
      onProblem: () => undefined,
    });
    if (request === "watch") {
      await started;
      await until("watching", () => server.watching === 1);
      server.silent = true;
      server.endWatches();
    }
    await until("it waits", async () => (await server.connections()) > 0);
    source.close();
    await until("it waits no more", async () => (await server.connections()) === 0);
  });

  test("does not accept the token is one", async () => {
    const { problems } = await start(undefined, "wrong");
    expect(problems[0]?.message).toContain("status 401");
  });
});

test("whoever waits when it is closed waits no more", async () => {
  const { server, source } = await start();
  await until("watching", () => server.watching === 1);
  const asked = source.ask({ podUid: uid });
  source.close();
  await asked;
  await until("closed", () => server.watching === 0);
});

test("of containers that are started again and again, and pods that never come, only so many are remembered", async () => {
  const { server, source } = await start();
  await until("watching", () => server.watching === 1);
  const idOf = (index: number): string => index.toString(16).padStart(64, "0");
  const restarts = 4200;
  for (let index = 0; index <= restarts; index++) {
    const containerStatuses = [{ name: "nginx", image: "nginx", containerID: `containerd://${idOf(index)}` }];
    server.put({ ...pod("web", uid), status: { containerStatuses } });
  }
  await until("told", () => source.container(idOf(restarts)) !== undefined);
  expect(source.container(idOf(restarts - 1))?.name).toBe("nginx");
  expect(source.container(idOf(0))).toBeUndefined();

  const first = source.ask({ podUid: "never-1" });
  for (let index = 2; index <= 2000; index++) void source.ask({ podUid: `never-${index}` });
  await first;
});
