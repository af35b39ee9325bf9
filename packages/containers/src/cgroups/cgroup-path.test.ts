import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCgroupPath } from "./cgroup-path.ts";

const id = "4f797c539e6c745de61a93ca3ff892358ecbcaccd8414d5db545c38428142970";
const other = "9ec39b91f3d70e1beff50a308f77067065ea6be0d91a3378375056cd4422cf3d";
const uid = "ac04f3f2-1f2c-11e9-b015-1ebee232acfa";
const dashless = uid.replaceAll("-", "_");
const hash = "0123456789abcdef0123456789abcdef";
const slice = `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${dashless}.slice`;
const user = "/user.slice/user-1000.slice/user@1000.service";

describe("containers", () => {
  test.each([
    [`/docker/${id}`, "docker"],
    [`/system.slice/docker-${id}.scope`, "docker"],
    [`/mine.slice/docker-${id}.scope`, "docker"],
    [`${user}/user.slice/docker-${id}.scope`, "docker"],
    [`/docker/${id}/init.scope`, "docker"],
    [`/system.slice/docker-${id}.scope/system.slice/nginx.service`, "docker"],
    [`/docker/${other}/docker/${id}`, "docker"],
    [`/moby/${id}`, "docker"],
    [`/default/${id}`, "containerd"],
    [`/system.slice/nerdctl-${id}.scope`, "containerd"],
    [`${user}/app.slice/nerdctl-${id}.scope`, "containerd"],
    [`/machine.slice/libpod-${id}.scope`, "podman"],
    [`/machine.slice/libpod-${id}.scope/container`, "podman"],
    [`/machine.slice/machine-libpod_pod_${other}.slice/libpod-${id}.scope`, "podman"],
    [`/libpod_parent/libpod-${id}`, "podman"],
    [`/libpod_parent/${other}/libpod-${id}`, "podman"],
    [`${user}/user.slice/libpod-${id}.scope/container`, "podman"],
    [`/system.slice/web.service/libpod-payload-${id}`, "podman"],
    [`/system.slice/crio-${id}.scope`, "cri-o"],
    [`/custom/${id}`, undefined],
    [`/${id}`, undefined],
  ])("%s", (path, runtime) => {
    expect(parseCgroupPath(path)).toStrictEqual({
      containerId: id,
      ...(runtime === undefined ? {} : { runtime }),
    });
  });
});

describe("pods", () => {
  test.each([
    [`${slice}/cri-containerd-${id}.scope`, "containerd", uid],
    [`/kubepods.slice/kubepods-pod${dashless}.slice/cri-containerd-${id}.scope`, "containerd", uid],
    [
      `/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod${hash}.slice/crio-${id}.scope`,
      "cri-o",
      hash,
    ],
    [`${slice}/crio-${id}.scope/container`, "cri-o", uid],
    [`${slice}/docker-${id}.scope`, "docker", uid],
    [`/kubepods/burstable/pod${uid}/${id}`, undefined, uid],
    [`/kubepods/pod${uid}/${id}`, undefined, uid],
    [`/kubepods/besteffort/pod${uid}/crio-${id}`, "cri-o", uid],
    [`/kubepods/besteffort/pod${hash}/${id}`, undefined, hash],
    // containerd whose driver is not the kubelet's.
    [
      `/system.slice/containerd.service/kubepods-burstable-pod${dashless}.slice:cri-containerd:${id}`,
      "containerd",
      uid,
    ],
    // kind, and kubelets with --cgroup-root.
    [
      `/docker/${other}/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod${dashless}.slice/cri-containerd-${id}.scope`,
      "containerd",
      uid,
    ],
    [`/docker/${other}/kubelet/kubepods/burstable/pod${uid}/${id}`, undefined, uid],
    // Docker in a pod.
    [`/kubepods/pod${uid}/${other}/docker/${id}`, "docker", uid],
  ])("%s", (path, runtime, podUid) => {
    expect(parseCgroupPath(path)).toStrictEqual({
      containerId: id,
      ...(runtime === undefined ? {} : { runtime }),
      podUid,
    });
  });
});

describe("not in a container", () => {
  test.each([
    "/",
    "/init.scope",
    "/system.slice/ssh.service",
    "/docker",
    `/kubepods/burstable/pod${uid}`,
    slice,
    `/machine.slice/libpod-conmon-${id}.scope`,
    `${slice}/crio-conmon-${id}.scope`,
    `/system.slice/${id}.service`,
    `/machine.slice/machine-libpod_pod_${id}.slice`,
    `/docker/${id.slice(1)}`,
    `/docker/${id}0`,
    `/docker/${id.toUpperCase()}`,
    `/system.slice/toString-${id}.scope`,
    `/system.slice/constructor-${id}.scope`,
  ])("%s", (path) => {
    expect(parseCgroupPath(path)).toBeUndefined();
  });
});

test("a container's own cgroups belong to it, whatever they are called", () => {
  const name = fc
    .string({ minLength: 1 })
    .filter((text) => !text.includes("/") && !/[0-9a-f]{64}/.test(text));
  const law = fc.property(fc.array(name), (names) => {
    const path = [`/system.slice/docker-${id}.scope`, ...names].join("/");
    expect(parseCgroupPath(path)).toMatchObject({ containerId: id, runtime: "docker" });
  });
  fc.assert(law);
});
