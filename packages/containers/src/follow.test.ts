import { describe, expect, onTestFinished, test } from "vitest";
import { FakeHierarchy } from "../test/support/hierarchy.ts";
import { FakeSource } from "../test/support/fake-source.ts";
import { until } from "../test/support/until.ts";
import { ATTRIBUTES, attributeOf } from "./attribution.ts";
import { Containers } from "./containers.ts";
import type { AttributeSet } from "./follow.ts";

const web = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const db = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d";
const uid = "ac04f3f2-1f2c-11e9-b015-1ebee232acfa";

/** Notes what happens, and refuses what must not happen. */
class Target {
  readonly members = new Set<bigint>();
  changes = 0;

  add(cgroup: bigint): void {
    expect(this.members.has(cgroup)).toBe(false);
    this.members.add(cgroup);
    this.changes++;
  }

  delete(cgroup: bigint): void {
    expect(this.members.delete(cgroup)).toBe(true);
    this.changes++;
  }
}

async function startAll(): Promise<{ hierarchy: FakeHierarchy; source: FakeSource; containers: Containers }> {
  const [hierarchy, source] = [new FakeHierarchy(), new FakeSource()];
  const { root: cgroupRoot, proc: procRoot } = hierarchy;
  const containers = await Containers.start({ cgroupRoot, procRoot, sources: [source] });
  onTestFinished(() => {
    containers.close();
  });
  return { hierarchy, source, containers };
}

const named = (name: string): AttributeSet => ({
  attribute: "container.name",
  accepts: (value) => value === name,
});

describe("a target", () => {
  test("has the cgroups that are there, gets those that come, and loses those that go", async () => {
    const { hierarchy, source, containers } = await startAll();
    const first = hierarchy.add(`docker/${web}`);
    source.learnContainer(web, { name: "web" });
    source.learnContainer(db, { name: "web" });
    await until("seen", () => containers.status().containers === 1);
    const target = new Target();
    const stop = containers.follow(named("web"), target);
    expect(target.members).toEqual(new Set([first]));
    const second = hierarchy.add(`docker/${db}/init.scope`);
    const outer = hierarchy.add(`docker/${db}`);
    await until("added", () => target.members.size === 3);
    expect(target.members).toEqual(new Set([first, second, outer]));
    hierarchy.remove(`docker/${web}`);
    await until("deleted", () => target.members.size === 2);
    stop();
    hierarchy.remove(`docker/${db}`);
    await until("gone", () => containers.status().containers === 0);
    expect(target.members.size).toBe(2);
  });

  test("follows what becomes known, and what changes", async () => {
    const { hierarchy, source, containers } = await startAll();
    const cgroup = hierarchy.add(`docker/${web}`);
    await until("seen", () => containers.status().containers === 1);
    const target = new Target();
    containers.follow(named("web"), target);
    expect(target.members.size).toBe(0);
    source.learnContainer(web, { name: "web" });
    expect(target.members).toEqual(new Set([cgroup]));
    source.learnContainer(web, { name: "web", image: "web:2" });
    expect(target.changes).toBe(1);
    source.learnContainer(web, { name: "renamed" });
    expect(target.members.size).toBe(0);
  });

  test("follows labels of pods", async () => {
    const { hierarchy, source, containers } = await startAll();
    const cgroup = hierarchy.add(`kubepods/pod${uid}/${web}`);
    await until("seen", () => containers.status().containers === 1);
    const target = new Target();
    containers.follow({ attribute: "pod.labels", key: "app", accepts: (app) => app === "web" }, target);
    source.learnPod(uid, { name: "a", namespace: "b", labels: { app: "web" } });
    expect(target.members).toEqual(new Set([cgroup]));
    source.learnPod(uid, { name: "a", namespace: "b", labels: { app: "db" } });
    expect(target.members.size).toBe(0);
  });

  test("never has a cgroup without the attribute", async () => {
    const { hierarchy, containers } = await startAll();
    hierarchy.add(`docker/${web}`);
    await until("seen", () => containers.status().containers === 1);
    const target = new Target();
    containers.follow({ attribute: "pod.name", accepts: () => true }, target);
    expect(target.members.size).toBe(0);
  });
});

describe("attributes", () => {
  const attribution = {
    container: { id: "i", name: "n", image: "m", runtime: "docker" },
    pod: { name: "p", namespace: "s", uid: "u", labels: { app: "w" }, owner: { kind: "k", name: "o" } },
  } as const;

  test("all have values", () => {
    const values = ATTRIBUTES.map(({ name, keyed }) =>
      attributeOf(attribution, name, keyed === true ? "app" : undefined),
    );
    expect(values).toEqual(["i", "n", "m", "docker", "p", "s", "u", "w", "k", "o"]);
    for (const { name } of ATTRIBUTES) expect(attributeOf({}, name, "app")).toBeUndefined();
  });

  test.each([
    ["pod.labels", "toString"],
    ["pod.labels", undefined],
    ["container.toString", undefined],
  ])("there is no %s %s", (name, key) => {
    expect(attributeOf(attribution, name, key)).toBeUndefined();
  });
});
