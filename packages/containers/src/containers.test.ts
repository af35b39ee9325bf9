import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { FakeHierarchy } from "../test/support/hierarchy.ts";
import { FakeSource } from "../test/support/fake-source.ts";
import { until } from "../test/support/until.ts";
import type { ContainersError } from "./errors.ts";
import { Containers, type ContainersOptions } from "./containers.ts";

const id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const other = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d";
const uid = "ac04f3f2-1f2c-11e9-b015-1ebee232acfa";
const pod = { name: "web-7d9f", namespace: "shop", uid, labels: { app: "web" } };

async function start(hierarchy: FakeHierarchy, options: ContainersOptions = {}): Promise<Containers> {
  const containers = await Containers.start({
    cgroupRoot: hierarchy.root,
    procRoot: hierarchy.proc,
    ...options,
  });
  onTestFinished(() => {
    containers.close();
  });
  return containers;
}

describe("finds", () => {
  test("containers that are there at the start, and what is below them", async () => {
    const hierarchy = new FakeHierarchy();
    const cgroup = hierarchy.add(`docker/${id}`);
    const inner = hierarchy.add(`docker/${id}/system.slice/nginx.service`);
    const containers = await start(hierarchy);
    const container = { id, runtime: "docker" };
    expect(containers.of(cgroup)).toEqual({ container });
    expect(containers.of(inner)).toEqual({ container });
    expect(containers.status()).toMatchObject({ cgroups: 5, containers: 1 });
  });

  test("those that come later, at any depth, and knows them when they are gone", async () => {
    const hierarchy = new FakeHierarchy();
    const containers = await start(hierarchy);
    const path = `kubepods/burstable/pod${uid}/${id}`;
    const cgroup = hierarchy.add(path);
    await until("seen", () => containers.status().containers === 1);
    hierarchy.remove("kubepods");
    await until("gone", () => containers.status().containers === 0);
    expect(containers.of(cgroup)).toEqual({ container: { id } });
  });

  test("nothing outside of containers", async () => {
    const hierarchy = new FakeHierarchy();
    const cgroup = hierarchy.add("system.slice/ssh.service");
    const containers = await start(hierarchy);
    expect(containers.of(cgroup)).toEqual({});
    expect(containers.of(1n)).toEqual({});
    expect(containers.waiting(cgroup)).toBeUndefined();
  });

  test("a container whose notification was not handled yet, where its process says that it is", async () => {
    const hierarchy = new FakeHierarchy();
    const containers = await start(hierarchy);
    hierarchy.setProcess(77, `0::/docker/${id}/init.scope\n`);
    // No turn of the event loop between the two.
    const cgroup = hierarchy.add(`docker/${id}/init.scope`);
    expect(containers.of(cgroup, 77)).toEqual({ container: { id, runtime: "docker" } });
  });

  test("the same without a process", async () => {
    const hierarchy = new FakeHierarchy();
    const containers = await start(hierarchy);
    const cgroup = hierarchy.add(`docker/${id}`);
    expect(containers.of(cgroup)).toEqual({ container: { id, runtime: "docker" } });
  });

  test("not one that is where another process is", async () => {
    const hierarchy = new FakeHierarchy();
    const containers = await start(hierarchy);
    hierarchy.setProcess(77, `0::/docker/${other}\n`);
    const [wrong, right] = [hierarchy.add(`docker/${other}`), hierarchy.add(`docker/${id}`)];
    expect(containers.of(right, 77)).toEqual({ container: { id, runtime: "docker" } });
    expect(containers.of(wrong, 77)).toEqual({ container: { id: other, runtime: "docker" } });
  });

  test("counts cgroups that are nowhere", async () => {
    const hierarchy = new FakeHierarchy();
    const containers = await start(hierarchy);
    const nowhere = 2n ** 60n;
    await until("given up", () => {
      expect(containers.of(nowhere, 77)).toEqual({});
      return containers.status().unresolved > 0;
    });
    expect(containers.status().unresolved).toBe(1);
  });
});

describe("with version 1", () => {
  test("a process in the root of version 2 is where version 1 says", async () => {
    const hierarchy = new FakeHierarchy();
    const root = hierarchy.add("/");
    hierarchy.setProcess("self", "4:memory:/\n0::/\n");
    hierarchy.setProcess(77, `5:cpu,cpuacct:/\n4:memory:/docker/${id}\n0::/\n`);
    hierarchy.setProcess(78, "5:cpu,cpuacct:/\n4:memory:/\n0::/\n");
    const source = new FakeSource();
    source.learnContainer(id, { name: "web" });
    const problems: string[] = [];
    const onProblem = ({ message }: ContainersError): void => void problems.push(message);
    const containers = await start(hierarchy, { sources: [source], onProblem });
    expect(containers.of(root, 78)).toEqual({});
    expect(problems).toEqual([]);
    for (let times = 0; times < 2; times++)
      expect(containers.of(root, 77)).toEqual({ container: { id, name: "web", runtime: "docker" } });
    // A filter does not see it, which has to be said, once.
    expect(problems).toEqual([expect.stringContaining("a filter takes their processes for ones outside")]);
    expect(containers.of(root, 78)).toEqual({});
    expect(containers.of(root)).toEqual({});
    expect(source.asked).toEqual([id]);
  });

  test("is not looked at where process ids are not the host's, which is said", async () => {
    const hierarchy = new FakeHierarchy();
    const root = hierarchy.add("/");
    hierarchy.setProcess("self", "4:memory:/\n0::/\n");
    hierarchy.setProcess(77, `4:memory:/docker/${id}\n0::/\n`);
    mkdirSync(join(hierarchy.proc, "self/ns"));
    symlinkSync("pid:[4026532333]", join(hierarchy.proc, "self/ns/pid"));
    const problems: string[] = [];
    const containers = await start(hierarchy, { onProblem: ({ message }) => problems.push(message) });
    expect(containers.of(root, 77)).toEqual({});
    expect(problems).toEqual([expect.stringContaining("share its pid namespace")]);
  });

  test("is not looked at on hosts without it", async () => {
    const hierarchy = new FakeHierarchy();
    hierarchy.setProcess(77, `4:memory:/docker/${id}\n0::/\n`);
    const containers = await start(hierarchy);
    expect(containers.of(hierarchy.add("/"), 77)).toEqual({});
  });
});

describe("sources", () => {
  test("add names, whenever they learn them; the first that knows wins", async () => {
    const hierarchy = new FakeHierarchy();
    const cgroup = hierarchy.add(`kubepods/pod${uid}/${id}`);
    const [first, second] = [new FakeSource("first"), new FakeSource("second")];
    const containers = await start(hierarchy, { sources: [first, second] });
    second.learnContainer(id, {
      name: "k8s_web",
      image: "web:1",
      runtime: "docker",
      pod: { ...pod, name: "label" },
    });
    const image = "web:1";
    expect(containers.of(cgroup).container).toEqual({ id, name: "k8s_web", image, runtime: "docker" });
    expect(containers.of(cgroup).pod?.name).toBe("label");
    first.learnContainer(id, { name: "web" });
    first.learnPod(uid, pod);
    expect(containers.of(cgroup).container).toEqual({ id, name: "web", image, runtime: "docker" });
    expect(containers.of(cgroup).pod).toEqual(pod);
  });

  test("what they know of those who are gone is kept", async () => {
    const hierarchy = new FakeHierarchy();
    const cgroup = hierarchy.add(`docker/${id}`);
    const source = new FakeSource();
    source.learnContainer(id, { name: "web" });
    const containers = await start(hierarchy, { sources: [source] });
    hierarchy.remove(`docker/${id}`);
    await until("gone", () => containers.status().containers === 0);
    expect(containers.of(cgroup).container?.name).toBe("web");
  });

  test("are asked once for a new container, and waited for until they answer", async () => {
    const hierarchy = new FakeHierarchy();
    const source = new FakeSource();
    const containers = await start(hierarchy, { sources: [source], patience: 60_000 });
    const cgroup = hierarchy.add(`docker/${id}`);
    await until("seen", () => containers.status().containers === 1);
    expect(source.asked).toEqual([id]);
    const waiting = containers.waiting(cgroup);
    source.learnContainer(id, { name: "web" });
    source.answer();
    await waiting;
    expect(containers.of(cgroup).container?.name).toBe("web");
    expect(containers.waiting(cgroup)).toBeUndefined();
  });

  test("are not waited for longer than the patience", async () => {
    const hierarchy = new FakeHierarchy();
    const containers = await start(hierarchy, { sources: [new FakeSource()], patience: 20 });
    const cgroup = hierarchy.add(`docker/${id}`);
    await until("seen", () => containers.status().containers === 1);
    await containers.waiting(cgroup);
    expect(containers.of(cgroup)).toEqual({ container: { id, runtime: "docker" } });
    expect(containers.waiting(cgroup)).toBeUndefined();
  });

  test("are closed", async () => {
    const source = new FakeSource();
    const containers = await start(new FakeHierarchy(), { sources: [source] });
    expect(containers.status().sources).toEqual([{ name: "fake", connected: true }]);
    containers.close();
    expect(source.isClosed).toBe(true);
  });
});

test("no hierarchy is an error that says where one was looked for", async () => {
  await expect(Containers.start({ cgroupRoot: "/nowhere" })).rejects.toMatchObject({
    code: "ERR_CONTAINERS_HIERARCHY",
    message: expect.stringContaining("/nowhere/unified") as string,
  });
});
