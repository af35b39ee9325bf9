import { expect, test } from "vitest";
import {
  BPF_AND_PERFMON,
  CONTAINER,
  machineOf,
  ONLY_SYS_ADMIN,
  serverFiles,
  status,
} from "../../test/doctor/machines.ts";
import { adviceForRights, capabilitiesIn, missingRights } from "./capabilities.ts";
import { collectFacts, parseConfig } from "./collect-facts.ts";
import { isOlderThan } from "./facts.ts";

test("a server, as root", () => {
  const facts = collectFacts(machineOf({ files: serverFiles() }));
  expect(facts.kernel).toMatchObject({
    release: "6.12.57",
    architecture: "x64",
    configPath: "/proc/config.gz",
    btf: { present: true, readable: true, bytes: 5 * 1024 * 1024 },
    kprobeEvents: true,
    config: { KPROBES: "y", IO_URING: "y", X86_X32_ABI: "n", COMPAT: "n" },
  });
  expect(facts.process).toMatchObject({
    uid: 0,
    noNewPrivileges: false,
    seccomp: false,
    initialUserNamespace: true,
    lockedMemoryLimit: 8388608,
    openFilesLimit: 1024,
  });
  expect(facts.process.effective).toContain("CAP_BPF");
  expect(facts.process.container).toBeUndefined();
  expect(facts.security.lockdown).toBe("none");
  expect(facts.security.modules).toContain("apparmor");
  expect(facts.settings["kernel.perf_event_paranoid"]).toBe(3);
  expect(facts.mounts).toEqual({ securityfs: "/sys/kernel/security", tracefs: "/sys/kernel/tracing" });
  expect(facts.probeList).toBe(true);
  expect(Object.keys(facts.unread)).toEqual(["/proc/sys/kernel/perf_event_mlock_kb"]);
});

test("a container: what cannot be read is named, not guessed", () => {
  const facts = collectFacts(machineOf(CONTAINER));
  expect(facts.process).toMatchObject({ seccomp: true, container: "/.dockerenv" });
  expect(missingRights(facts.process.effective)).toEqual(["CAP_BPF", "CAP_PERFMON"]);
  expect(facts.security).toEqual({});
  expect(facts.kernel.config).toEqual({});
  expect(facts.unread).toMatchObject({
    "/sys/kernel/security/lsm": "ENOENT",
    "/sys/kernel/security/lockdown": "ENOENT",
  });
  expect(facts.unread["kernel configuration"]).toContain("/boot/config-6.12.57");
  expect(facts.probeList).toBe(false);
});

test("nothing can be read at all", () => {
  const facts = collectFacts(machineOf({ uid: 65534, files: {} }));
  expect(facts.kernel.btf).toEqual({ present: false, readable: false });
  expect(facts.process).toMatchObject({ uid: 65534, effective: [], bounding: [] });
  expect(facts.settings).toEqual({});
});

test("a list of modules without lockdown means that there is none", () => {
  const without = { "/sys/kernel/security/lockdown": undefined };
  expect(collectFacts(machineOf({ files: serverFiles(without) })).security.lockdown).toBe("none");
  const set = { "/sys/kernel/security/lockdown": "none integrity [confidentiality]\n" };
  expect(collectFacts(machineOf({ files: serverFiles(set) })).security.lockdown).toBe("confidentiality");
});

test("securityfs may be mounted elsewhere", () => {
  const files = serverFiles({
    "/proc/self/mounts": "none /mnt/sec securityfs rw 0 0\n",
    "/mnt/sec/lsm": "capability,bpf",
    "/mnt/sec/lockdown": "none [integrity] confidentiality",
  });
  expect(collectFacts(machineOf({ files })).security).toEqual({
    lockdown: "integrity",
    modules: ["capability", "bpf"],
  });
});

test("a user namespace of its own, and a file that may not be read", () => {
  const facts = collectFacts(
    machineOf({
      files: serverFiles({ "/proc/sys/net/core/bpf_jit_enable": undefined }),
      forbidden: ["/proc/sys/net/core/bpf_jit_enable"],
      links: { "/proc/self/ns/user": "user:[4026532281]" },
    }),
  );
  expect(facts.process.initialUserNamespace).toBe(false);
  expect(facts.unread["/proc/sys/net/core/bpf_jit_enable"]).toBe("EACCES");
  expect(facts.settings["net.core.bpf_jit_enable"]).toBeUndefined();
});

test("a damaged configuration is not taken for an empty one", () => {
  const facts = collectFacts(machineOf({ files: serverFiles({ "/proc/config.gz": "not gzip" }) }));
  expect(facts.kernel.config).toEqual({});
  expect(facts.unread["/proc/config.gz"]).toBeTruthy();
});

test("the configuration has what matters, and no more", () => {
  const config = parseConfig(Buffer.from("CONFIG_KPROBES=m\n# CONFIG_AIO is not set\nCONFIG_FOO=y\n"));
  expect(config).toMatchObject({ KPROBES: "m", AIO: "n" });
  expect(config).not.toHaveProperty("FOO");
});

test("capabilities", () => {
  expect(capabilitiesIn(BPF_AND_PERFMON)).toEqual(["CAP_BPF", "CAP_PERFMON"]);
  expect(capabilitiesIn(ONLY_SYS_ADMIN)).toEqual(["CAP_SYS_ADMIN"]);
  expect(missingRights(["CAP_SYS_ADMIN"])).toEqual([]);
  expect(missingRights(["CAP_BPF"])).toEqual(["CAP_PERFMON"]);
  expect(adviceForRights(["CAP_BPF", "CAP_PERFMON"])).toContain("setpriv");
  expect(adviceForRights(["CAP_SYS_ADMIN"])).toContain("setpriv");
  expect(adviceForRights(["CAP_PERFMON"])).toMatch(/CAP_BPF, which the bounding set leaves out/);
});

test("releases", () => {
  const facts = (release: string) =>
    collectFacts(machineOf({ release, files: { "/proc/self/status": status("0") } }));
  expect(isOlderThan(facts("5.10.0-32-cloud-amd64"), 5, 11)).toBe(true);
  expect(isOlderThan(facts("5.11.0"), 5, 11)).toBe(false);
  expect(isOlderThan(facts("6.1.0"), 5, 11)).toBe(false);
  expect(isOlderThan(facts("strange"), 5, 11)).toBeUndefined();
});
