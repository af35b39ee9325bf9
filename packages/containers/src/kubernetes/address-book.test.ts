import { expect, onTestFinished, test } from "vitest";
import { FakeKubernetes, type FakePod, type FakeService } from "../../test/support/fake-kubernetes.ts";
import { until } from "../../test/support/until.ts";
import type { ContainersError } from "../errors.ts";
import { AddressBook } from "./address-book.ts";

function pod(
  name: string,
  ips: readonly string[],
  more: Omit<FakePod, "metadata" | "status"> = {},
  phase = "Running",
): FakePod {
  return {
    ...more,
    metadata: { name, namespace: "shop", uid: `uid-of-${name}` },
    status: { phase, podIPs: ips.map((ip) => ({ ip })) },
  };
}

function service(name: string, clusterIPs: readonly string[], more: Partial<FakeService> = {}): FakeService {
  return {
    ...more,
    metadata: { name, namespace: "shop", uid: `uid-of-${name}` },
    spec: { ...more.spec, clusterIPs },
  };
}

interface Started {
  readonly server: FakeKubernetes;
  readonly book: AddressBook;
  readonly problems: ContainersError[];
  readonly clock: { now: number };
}

async function start(prepare: (server: FakeKubernetes) => void = () => undefined): Promise<Started> {
  const server = new FakeKubernetes();
  await server.start();
  prepare(server);
  const problems: ContainersError[] = [];
  const clock = { now: 0 };
  const onProblem = (problem: ContainersError): void => void problems.push(problem);
  const book = new AddressBook({ config: server.config(), onProblem, now: () => clock.now });
  onTestFinished(() => {
    book[Symbol.dispose]();
  });
  await book.start();
  return { server, book, problems, clock };
}

const named = (kind: "pod" | "service", name: string): object => ({ [kind]: { name, namespace: "shop" } });

test("pods of all nodes and services, by each of their addresses", async () => {
  const { book } = await start((server) => {
    server.put(pod("web", ["10.1.0.5", "FD00:0:0:0::5"]));
    server.put(pod("far", ["10.1.9.5"], { spec: { nodeName: "node-2" } }));
    server.putService(
      service("cart", ["10.96.0.10", "fd00:96::a"], {
        spec: { externalIPs: ["192.0.2.7"] },
        status: { loadBalancer: { ingress: [{ ip: "198.51.100.3" }, { hostname: "lb.example" }] } },
      }),
    );
    server.putService(service("headless", ["None"]));
  });
  expect(book.of("10.1.0.5")).toEqual(named("pod", "web"));
  expect(book.of("fd00::5")).toEqual(named("pod", "web"));
  expect(book.of("::ffff:10.1.0.5")).toEqual(named("pod", "web"));
  expect(book.of("10.1.9.5")).toEqual(named("pod", "far"));
  for (const address of ["10.96.0.10", "fd00:96::a", "192.0.2.7", "198.51.100.3"])
    expect(book.of(address)).toEqual(named("service", "cart"));
  expect(book.of("203.0.113.1")).toBeUndefined();
  expect(book.size).toBe(7);
});

test("an address of the node is nobody's, nor that of a pod that has ended", async () => {
  const { book } = await start((server) => {
    server.put(pod("exporter", ["192.0.2.1"], { spec: { hostNetwork: true } }));
    server.put(pod("job", ["10.1.0.6"], {}, "Succeeded"));
  });
  expect(book.of("192.0.2.1")).toBeUndefined();
  expect(book.of("10.1.0.6")).toBeUndefined();
});

test("pods that get an address, lose it, and whose address another one gets", async () => {
  const { server, book, clock } = await start((created) => {
    created.put(pod("web", []));
  });
  await until("watching", () => server.watching === 2);
  server.put(pod("web", ["10.1.0.5"]));
  await until("named", () => book.of("10.1.0.5") !== undefined);
  server.remove("shop", "web");
  server.put(pod("mark", ["10.1.0.9"]));
  await until("gone", () => book.of("10.1.0.9") !== undefined);
  // Records of its last moments may still come.
  expect(book.of("10.1.0.5")).toEqual(named("pod", "web"));
  clock.now = 60_001;
  expect(book.of("10.1.0.5")).toBeUndefined();
  server.put(pod("next", ["10.1.0.5"]));
  await until("another's", () => book.of("10.1.0.5") !== undefined);
  expect(book.of("10.1.0.5")).toEqual(named("pod", "next"));
  // What is gone for long takes no memory.
  server.put(pod("job", ["10.1.0.7"]));
  server.put(pod("job", ["10.1.0.7"], {}, "Failed"));
  server.put(pod("mark", ["10.1.0.9", "10.1.0.10"]));
  await until("told", () => book.of("10.1.0.10") !== undefined);
  clock.now = 200_000;
  server.put(pod("mark", ["10.1.0.9"]));
  await until("forgotten", () => book.size === 3);
  expect(book.of("10.1.0.7")).toBeUndefined();
});

test("a resync (410 Gone) tells who is gone", async () => {
  const { server, book, clock } = await start((created) => {
    created.put(pod("web", ["10.1.0.5"]));
    created.putService(service("cart", ["10.96.0.10"]));
  });
  await until("watching", () => server.watching === 2);
  server.endWatches();
  server.remove("shop", "web");
  server.remove("shop", "cart", "services");
  server.putService(service("shelf", ["10.96.0.11"]));
  server.compact();
  await until("told", () => book.of("10.96.0.11") !== undefined);
  await until("watching again", () => server.watching === 2);
  clock.now = 60_001;
  expect(book.of("10.1.0.5")).toBeUndefined();
  expect(book.of("10.96.0.10")).toBeUndefined();
});

test("a pod that is made again under its name, unseen, takes its old address along", async () => {
  const { server, book, clock } = await start((created) => {
    created.put(pod("db-0", ["10.1.0.5"]));
  });
  await until("watching", () => server.watching === 2);
  server.endWatches();
  server.remove("shop", "db-0");
  const again = pod("db-0", ["10.1.0.6"]);
  server.put({ ...again, metadata: { ...again.metadata, uid: "another" } });
  server.compact();
  await until("told", () => book.of("10.1.0.6") !== undefined);
  expect(book.of("10.1.0.5")).toEqual(named("pod", "db-0"));
  clock.now = 60_001;
  expect(book.of("10.1.0.5")).toBeUndefined();
  expect(book.of("10.1.0.6")).toEqual(named("pod", "db-0"));
});

test("a service that is reached at addresses of nodes does not give them its name", async () => {
  const { book } = await start((server) => {
    const web = pod("web", ["10.1.0.5"]);
    server.put({ ...web, status: { ...web.status, hostIPs: [{ ip: "192.0.2.1" }] } });
    const ingress = [{ ip: "192.0.2.1" }, { ip: "198.51.100.3" }];
    server.putService(service("cart", ["10.96.0.10"], { status: { loadBalancer: { ingress } } }));
  });
  expect(book.of("192.0.2.1")).toBeUndefined();
  expect(book.of("198.51.100.3")).toEqual(named("service", "cart"));
});

test("an API that does not answer holds nobody up", async () => {
  const { server, book } = await start((created) => {
    created.silent = true;
    created.put(pod("web", ["10.1.0.5"]));
  });
  expect(book.size).toBe(0);
  book[Symbol.dispose]();
  await until("nobody waits", async () => (await server.connections()) === 0);
});

test("an API that refuses is told of once for each kind, and what it needs", async () => {
  const { server, book, problems } = await start((created) => {
    created.failure = 403;
  });
  expect(problems.map(({ message }) => /tell (\w+) \((.*?)\).*; (.*)$/.exec(message)?.slice(1))).toEqual([
    ["pods", "status 403", "it needs a ClusterRole that may list and watch pods"],
    ["services", "status 403", "it needs a ClusterRole that may list and watch services"],
  ]);
  server.failure = undefined;
  server.put(pod("web", ["10.1.0.5"]));
  await until("named", () => book.of("10.1.0.5") !== undefined);
  expect(problems).toHaveLength(2);
});
