/** The real cgroup file system, which is not like others: no file in it is ever written to, and directories are its content. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import { findHierarchy } from "../../src/cgroups/hierarchy.ts";
import { Containers, type ContainersOptions } from "../../src/containers.ts";
import { until } from "../support/until.ts";

const { path: hierarchy } = findHierarchy();
const uid = "ac04f3f2_1f2c_11e9_b015_1ebee232acfa";
const podUid = uid.replaceAll("_", "-");
const pod = `kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${uid}.slice`;

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(hierarchy, "tcptracker-test-"));
  onTestFinished(() => {
    rmdirSync(directory);
  });
});

/** A cgroup with those above it; whoever is still there at the end of the test is removed. */
function add(path: string): bigint {
  const parts = path.split("/");
  const directories = parts.map((_, depth) => join(directory, ...parts.slice(0, depth + 1)));
  for (const at of directories) {
    if (statSync(at, { throwIfNoEntry: false }) !== undefined) continue;
    mkdirSync(at);
    onTestFinished(() => {
      if (statSync(at, { throwIfNoEntry: false }) !== undefined) rmdirSync(at);
    });
  }
  return statSync(join(directory, path), { bigint: true }).ino;
}

async function start(options: ContainersOptions = {}): Promise<Containers> {
  const containers = await Containers.start(options);
  onTestFinished(() => {
    containers.close();
  });
  return containers;
}

const idOf = (digit: number): string => digit.toString(16).repeat(64);

test("the hierarchy is found, and is the whole", () => {
  expect(findHierarchy()).toEqual({ path: hierarchy, isWhole: true });
  // A part of it is what a cgroup namespace shows.
  expect(findHierarchy(directory)).toEqual({ path: directory, isWhole: false });
});

describe.each(["at the start", "later"])("containers of every runtime that are there %s", (when) => {
  test.each([
    ["docker", `docker/${idOf(1)}`],
    ["docker", `system.slice/docker-${idOf(1)}.scope`],
    ["docker", `docker/${idOf(2)}/docker/${idOf(1)}`],
    ["docker", `system.slice/docker-${idOf(1)}.scope/system.slice/nginx.service`],
    ["podman", `machine.slice/libpod-${idOf(1)}.scope/container`],
    ["podman", `libpod_parent/libpod-${idOf(1)}`],
    ["podman", `user.slice/user-1000.slice/user@1000.service/user.slice/libpod-${idOf(1)}.scope/container`],
    ["containerd", `default/${idOf(1)}`],
    ["containerd", `${pod}/cri-containerd-${idOf(1)}.scope`],
    ["cri-o", `${pod}/crio-${idOf(1)}.scope/container`],
    [undefined, `kubepods/burstable/pod${podUid}/${idOf(1)}`],
  ])("%s: %s", async (runtime, path) => {
    let cgroup = when === "later" ? 0n : add(path);
    const containers = await start();
    const before = containers.status().cgroups;
    if (when === "later") {
      cgroup = add(path);
      await until("seen", () => containers.status().cgroups === before + path.split("/").length);
    }
    const container = { id: idOf(1), ...(runtime === undefined ? {} : { runtime }) };
    expect(containers.of(cgroup)).toEqual({ container });
  });
});

test("a container that lives for 50 ms is known afterwards", async () => {
  const containers = await start();
  const path = `docker/${idOf(3)}`;
  const cgroup = add(path);
  await delay(50);
  rmdirSync(join(directory, path));
  await delay(50);
  expect(containers.of(cgroup)).toEqual({ container: { id: idOf(3), runtime: "docker" } });
});

test("hundreds of them, one after the other", async () => {
  const containers = await start();
  add("docker");
  const cgroups: bigint[] = [];
  for (let at = 0; at < 300; at++) {
    const path = join(directory, "docker", at.toString(16).padStart(64, "0"));
    mkdirSync(path);
    cgroups.push(statSync(path, { bigint: true }).ino);
    // What a runtime needs at least between making the cgroup and being done.
    await delay(5);
    rmdirSync(path);
  }
  await until("all gone", () => containers.status().containers === 0);
  const ids = cgroups.map((cgroup) => containers.of(cgroup).container?.id);
  expect(ids).toEqual(cgroups.map((_, at) => at.toString(16).padStart(64, "0")));
});

test("a process that is in a cgroup nobody has seen leads to it", async () => {
  const containers = await start();
  const cgroup = add(`docker/${idOf(4)}`);
  const child = spawn("sleep", ["60"]);
  const { pid = 0 } = child;
  writeFileSync(join(directory, "docker", idOf(4), "cgroup.procs"), String(pid));
  expect(readFileSync(`/proc/${pid}/cgroup`, "utf8")).toContain(idOf(4));
  // All without a turn of the event loop.
  expect(containers.of(cgroup, pid)).toEqual({ container: { id: idOf(4), runtime: "docker" } });
  child.kill("SIGKILL");
  await once(child, "exit");
  await until("empty", () => !readFileSync(join(directory, "cgroup.events"), "utf8").includes("populated 1"));
});

test("a part of the hierarchy, as a namespace shows it, has what is in it", async () => {
  const cgroup = add(`docker/${idOf(5)}`);
  const containers = await start({ cgroupRoot: directory });
  expect(containers.status()).toMatchObject({ cgroups: 3, hierarchy: { isWhole: false } });
  expect(containers.of(cgroup)).toEqual({ container: { id: idOf(5), runtime: "docker" } });
});
