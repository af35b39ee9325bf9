import { expect, test } from "vitest";
import { readPod } from "./pod-object.ts";

const id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const other = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d";
const metadata = { name: "web-1", namespace: "shop", uid: "ac04f3f2-1f2c-11e9-b015-1ebee232acfa" };
const labels = { app: "web", "pod-template-hash": "7d9f" };

test("a pod that has not been started yet", () => {
  expect(readPod({ metadata, spec: {}, status: { phase: "Pending" } })).toEqual({
    cgroupUid: metadata.uid,
    identity: metadata,
    containers: new Map(),
  });
});

test("containers of every kind that have been made", () => {
  const status = {
    initContainerStatuses: [{ name: "init", image: "busybox", containerID: `cri-o://${other}` }],
    containerStatuses: [
      { name: "nginx", image: "docker.io/library/nginx:1.29", containerID: `containerd://${id}` },
      { name: "waiting", image: "nginx", containerID: "" },
      { name: "waits, too", image: "nginx" },
    ],
    ephemeralContainerStatuses: [{ name: "debug", containerID: `strange://${"0".repeat(64)}` }],
  };
  const told = readPod({ metadata: { ...metadata, labels: { app: "web" } }, status });
  const pod = { ...metadata, labels: { app: "web" } };
  expect(told?.identity).toEqual(pod);
  expect(Object.fromEntries(told?.containers ?? [])).toEqual({
    [other]: { name: "init", image: "busybox", runtime: "cri-o", pod },
    [id]: { name: "nginx", image: "docker.io/library/nginx:1.29", runtime: "containerd", pod },
    ["0".repeat(64)]: { name: "debug", pod },
  });
});

test("the uid of a static pod in cgroups is the hash of its manifest", () => {
  const annotations = { "kubernetes.io/config.hash": "0123456789abcdef0123456789abcdef" };
  expect(readPod({ metadata: { ...metadata, annotations } })).toMatchObject({
    cgroupUid: "0123456789abcdef0123456789abcdef",
    identity: { uid: metadata.uid },
  });
});

test.each([
  [
    { kind: "ReplicaSet", name: "web-7d9f", controller: true },
    { kind: "Deployment", name: "web" },
  ],
  [
    { kind: "ReplicaSet", name: "web", controller: true },
    { kind: "ReplicaSet", name: "web" },
  ],
  [
    { kind: "DaemonSet", name: "web-7d9f", controller: true },
    { kind: "DaemonSet", name: "web-7d9f" },
  ],
  [{ kind: "ReplicaSet", name: "web-7d9f" }, undefined],
  [{ kind: "Node", controller: true }, undefined],
])("the owner of %j is %j", (reference, owner) => {
  const identity = readPod({ metadata: { ...metadata, labels, ownerReferences: [reference] } })?.identity;
  expect(identity?.owner).toEqual(owner);
});

test.each([[undefined], [null], [[]], ["pod"], [{}], [{ metadata: { name: "a", namespace: "b" } }]])(
  "%j is no pod",
  (json) => {
    expect(readPod(json)).toBeUndefined();
  },
);
