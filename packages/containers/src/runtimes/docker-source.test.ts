import { createServer } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { FakeDocker } from "../../test/support/fake-docker.ts";
import { until } from "../../test/support/until.ts";
import type { ContainersError } from "../errors.ts";
import { DockerSource } from "./docker-source.ts";

const id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const other = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d";

interface Started {
  readonly docker: FakeDocker;
  readonly source: DockerSource;
  readonly told: string[];
  readonly problems: ContainersError[];
}

async function start(
  prepare: (docker: FakeDocker) => Promise<void> | void = (docker) => docker.start(),
  expected = true,
): Promise<Started> {
  const docker = new FakeDocker();
  await prepare(docker);
  const { socketPath } = docker;
  const [told, problems]: [string[], ContainersError[]] = [[], []];
  const source = new DockerSource({ socketPath, expected });
  onTestFinished(() => {
    source.close();
  });
  await source.start({
    onContainer: (container) => told.push(container),
    onPod: (uid) => told.push(uid),
    onProblem: (problem) => problems.push(problem),
  });
  return { docker, source, told, problems };
}

describe("learns", () => {
  test("what is there, before it has started", async () => {
    const { source, told } = await start(async (docker) => {
      docker.add(id, "web", "nginx:1.29");
      await docker.start();
    });
    expect(source.container(id)).toEqual({ name: "web", image: "nginx:1.29", runtime: "docker" });
    expect(source.container(other)).toBeUndefined();
    expect(source.isConnected).toBe(true);
    expect(told).toEqual([id]);
  });

  test("what is made later, before it runs", async () => {
    const { docker, source } = await start();
    docker.emit("create", id, { name: "web", image: "nginx:1.29", "com.example.label": "x" });
    await until("told", () => source.container(id) !== undefined);
    expect(source.container(id)).toEqual({ name: "web", image: "nginx:1.29", runtime: "docker" });
    expect(source.ask({ id })).toBeUndefined();
  });

  test("new names", async () => {
    const { docker, source } = await start(async (created) => {
      created.add(id, "web", "nginx");
      await created.start();
    });
    docker.emit("rename", id, { name: "shop", oldName: "/web", image: "nginx" });
    await until("told", () => source.container(id)?.name === "shop");
  });

  test("and keeps what it knew of those who are gone", async () => {
    const { docker, source } = await start(async (created) => {
      created.add(id, "web", "nginx");
      created.add(other, "db", "postgres");
      await created.start();
    });
    docker.emit("destroy", id, { name: "web", image: "nginx" });
    docker.emit("rename", other, { name: "last", image: "postgres" });
    await until("told", () => source.container(other)?.name === "last");
    expect(source.container(id)?.name).toBe("web");
  });

  test("what it is asked for", async () => {
    const { docker, source } = await start();
    docker.add(id, "web", "nginx:1.29");
    await source.ask({ id });
    expect(source.container(id)).toEqual({ name: "web", image: "nginx:1.29", runtime: "docker" });
    await source.ask({ id: other });
    expect(source.container(other)).toBeUndefined();
  });

  test("that it is Podman", async () => {
    const { source } = await start(async (docker) => {
      docker.components = [{ Name: "Podman Engine", Version: "5.2.0" }];
      docker.add(id, "web", "nginx");
      await docker.start();
    });
    expect(source.container(id)?.runtime).toBe("podman");
  });

  test("pods, by the labels of a kubelet", async () => {
    const labels = {
      "io.kubernetes.container.name": "nginx",
      "io.kubernetes.pod.name": "web-7d9f",
      "io.kubernetes.pod.namespace": "shop",
      "io.kubernetes.pod.uid": "ac04f3f2-1f2c-11e9-b015-1ebee232acfa",
    };
    const { source } = await start(async (docker) => {
      docker.add(id, "k8s_nginx_web-7d9f_shop_ac04f3f2-1f2c-11e9-b015-1ebee232acfa_0", "nginx", labels);
      await docker.start();
    });
    expect(source.container(id)).toMatchObject({
      name: "nginx",
      pod: { name: "web-7d9f", namespace: "shop", uid: "ac04f3f2-1f2c-11e9-b015-1ebee232acfa" },
    });
  });

  test("the container's own name where links give it more", async () => {
    const { source } = await start(async (docker) => {
      docker.containers.set(id, { Id: id, Names: ["/proxy/backend", "/web"], Image: "nginx" });
      await docker.start();
    });
    expect(source.container(id)?.name).toBe("web");
  });
});

describe("a runtime that", () => {
  test("restarts is asked again, and what was known is kept", async () => {
    const { docker, source, problems } = await start(async (created) => {
      created.add(id, "web", "nginx");
      await created.start();
    });
    await docker.stop();
    await until("noticed", () => !source.isConnected);
    expect(source.container(id)?.name).toBe("web");
    docker.add(other, "db", "postgres");
    await docker.start();
    await until("connected", () => source.isConnected);
    expect(source.container(other)?.name).toBe("db");
    await until("following", () => docker.followers === 1);
    // One outage, however often it was tried.
    expect(new Set(problems.map(({ message }) => message)).size).toBe(problems.length);
  });

  test("is not there is no problem where it need not be, and is found when it comes", async () => {
    const { docker, source, problems } = await start(() => undefined, false);
    expect(source.isConnected).toBe(false);
    docker.add(id, "web", "nginx");
    await docker.start();
    await until("connected", () => source.isConnected);
    expect(source.container(id)?.name).toBe("web");
    expect(problems).toEqual([]);
  });

  test("is not there is a problem where it should be", async () => {
    const { source, problems } = await start(() => undefined);
    expect(problems.map(({ code }) => code)).toEqual(["ERR_CONTAINERS_RUNTIME"]);
    expect(problems[0]?.message).toContain("(ENOENT)");
    expect(source.ask({ id })).toBeUndefined();
  });

  test("is something else is a problem, told once", async () => {
    const { docker, problems } = await start(async (created) => {
      created.failure = 400;
      await created.start();
    });
    await until("tried again", () => docker.requests.length > 1);
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toContain("is it the socket of Docker");
  });

  test("speaks no HTTP is a problem", async () => {
    const { problems } = await start(async ({ socketPath }) => {
      const server = createServer((socket) => socket.end("SSH-2.0-OpenSSH_9.2\r\n"));
      await new Promise<void>((resolve) => server.listen(socketPath, resolve));
      onTestFinished(() => {
        server.close();
      });
    });
    expect(problems[0]?.message).toContain("HPE_INVALID_CONSTANT");
  });
});

test("after it is closed nothing is asked any more", async () => {
  const { docker, source } = await start();
  source.close();
  await until("gone", () => docker.followers === 0);
  const { length } = docker.requests;
  expect(source.isConnected).toBe(false);
  expect(source.ask({ id })).toBeUndefined();
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(docker.requests).toHaveLength(length);
});
