import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent } from "./agent.ts";
import { ContainerCgroup } from "./container.ts";
import type { Manifests, PodSpec, VolumeSpec } from "./manifests.ts";
import type { PublicCopy } from "./users.ts";

const SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

/** What is in the pod's place of the cluster, and is not in its manifest. */
export interface Surroundings {
  readonly manifests: Manifests;
  readonly copy: PublicCopy;
  /** By name, with their files. */
  readonly secrets: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** For the service account: `token`, `ca.crt`, `namespace`. */
  readonly serviceAccount?: Readonly<Record<string, string>>;
  /** What differs in the files of ConfigMaps, e.g. ports, because pods share the machine's network here. */
  readonly edit?: (text: string) => string;
  readonly env?: Readonly<Record<string, string>>;
  /** What the manifest refers to by paths such as `spec.nodeName`. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Such as `kubepods.slice/…`; see {@link ContainerCgroup}. */
  readonly cgroup: string;
  /** Names of this machine. */
  readonly hosts?: readonly string[];
}

/** Of unshare. */
function childrenOf({ pid }: Agent): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ").filter(Boolean).map(Number);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * A pod of a manifest, made by unshare, mount and setpriv of what a runtime makes it: namespaces (but for that of the network), a
 * read-only root with the mounts of the manifest and those that every container has, user, capabilities, no_new_privs.
 * The image is this machine's /usr, with the bundle. What is missing is seccomp, and the limits of resources.
 */
export class Pod implements AsyncDisposable {
  readonly spec: PodSpec;
  readonly #around: Surroundings;
  readonly #directory: string;
  /** Its own. */
  readonly cgroup: ContainerCgroup;
  readonly #running: Agent[] = [];
  readonly #mounts: string[] = [];

  private constructor(spec: PodSpec, around: Surroundings, directory: string) {
    this.spec = spec;
    this.#around = around;
    this.#directory = directory;
    this.cgroup = new ContainerCgroup(around.cgroup);
  }

  static async make(spec: PodSpec, around: Surroundings): Promise<Pod> {
    const { privileged = false, capabilities } = spec.containers[0].securityContext;
    if (privileged || capabilities.drop.join() !== "ALL")
      throw new Error("not all capabilities are dropped: such a pod cannot be made here");
    const directory = await mkdtemp(join(tmpdir(), "tcptracker-pod-"));
    const pod = new Pod(spec, around, directory);
    pod.cgroup.make();
    await mkdir(join(directory, "root"));
    for (const volume of spec.volumes) await pod.#addVolume(volume);
    const { serviceAccount } = around;
    if (serviceAccount !== undefined && spec.automountServiceAccountToken !== false) {
      const path = join(directory, "service-account");
      await pod.#write(path, serviceAccount, 0o644);
      pod.#mount(path, SERVICE_ACCOUNT, true);
    }
    return pod;
  }

  /**
   * Starts its container.
   *
   * @param args - default: those of the manifest
   * @param capabilities - default: those of the manifest; such as `BPF`
   */
  start(args: readonly string[] = this.#container.args, capabilities = this.capabilities): Agent {
    const { hostPID = false } = this.spec;
    const script = [...this.#root(hostPID), `exec ${this.#setpriv(capabilities).join(" ")} "$@"`].join("\n");
    const namespaces = ["--mount", "--ipc", "--uts", "--cgroup", ...(hostPID ? [] : ["--pid"])];
    const unshare = [
      "unshare",
      ...namespaces,
      "--fork",
      "--kill-child",
      "sh",
      "-ec",
      script,
      "sh",
      "/opt/tcptracker/node",
    ];
    const agent = new Agent(args, {
      program: "sh",
      // The namespace of cgroups begins at its own.
      prefix: ["-ec", 'echo $$ > "$0/cgroup.procs"; exec "$@"', this.cgroup.path, ...unshare],
      command: "/opt/tcptracker/bundle/tcptracker.js",
      spawn: { cwd: "/", env: { PATH: process.env["PATH"], ...this.#around.env, ...this.#env() } },
    });
    this.#running.push(agent);
    return agent;
  }

  get capabilities(): readonly string[] {
    return this.#container.securityContext.capabilities.add ?? [];
  }

  /** Of the container's first process, on the machine: a container has no other. */
  static processOf(agent: Agent): number {
    const [child, ...others] = childrenOf(agent);
    if (child === undefined || others.length > 0)
      throw new Error(`unshare has not one child: ${agent.stderr}`);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const agent of this.#running) {
      // A process that has changed its user survives unshare.
      if (agent.child.exitCode === null && agent.child.signalCode === null)
        for (const child of childrenOf(agent)) process.kill(child, "SIGKILL");
      await agent[Symbol.asyncDispose]();
    }
    await rm(this.#directory, { recursive: true });
    await this.cgroup.remove();
  }

  get #container(): PodSpec["containers"][0] {
    return this.spec.containers[0];
  }

  get #user(): { readonly id: number; readonly group: number; readonly volumes: number | undefined } {
    const { runAsUser = 0, runAsGroup = 0, fsGroup } = this.spec.securityContext ?? {};
    return {
      id: this.#container.securityContext.runAsUser ?? runAsUser,
      group: runAsGroup,
      volumes: fsGroup,
    };
  }

  #env(): Record<string, string | undefined> {
    const { env = [] } = this.#container;
    const { fields } = this.#around;
    return Object.fromEntries(
      env.map(({ name, valueFrom: { fieldRef } }) => [name, fields?.[fieldRef.fieldPath]]),
    );
  }

  #setpriv(capabilities: readonly string[]): string[] {
    const { id, group, volumes } = this.#user;
    const bounding = ["-all", ...capabilities.map((name) => `+${name.toLowerCase()}`)].join(",");
    const { allowPrivilegeEscalation } = this.#container.securityContext;
    return [
      ...["setpriv", `--reuid=${id}`, `--regid=${group}`],
      volumes === undefined ? "--clear-groups" : `--groups=${volumes}`,
      ...(allowPrivilegeEscalation ? [] : ["--no-new-privs"]),
      ...["--inh-caps=-all", "--ambient-caps=-all", `--bounding-set=${bounding}`, "--"],
    ];
  }

  async #addVolume({ name, configMap, secret, hostPath, emptyDir }: VolumeSpec): Promise<void> {
    const { manifests, secrets, edit = (text: string) => text } = this.#around;
    const mount = this.#container.volumeMounts.find((one) => one.name === name);
    if (mount === undefined) throw new Error(`the volume ${name} is not mounted`);
    const path = hostPath?.path ?? join(this.#directory, name);
    if (configMap !== undefined) {
      const files = Object.entries(manifests.configMap(configMap.name));
      await this.#write(path, Object.fromEntries(files.map(([file, text]) => [file, edit(text)])), 0o644);
    } else if (secret !== undefined) {
      const files = secrets[secret.secretName];
      if (files === undefined) throw new Error(`there is no secret ${secret.secretName}`);
      await this.#write(path, files, secret.defaultMode);
    } else if (emptyDir !== undefined) {
      await mkdir(path);
      // Whatever the umask is.
      await chmod(path, 0o777);
    } else if (hostPath === undefined) throw new Error(`what is the volume ${name}?`);
    this.#mount(path, mount.mountPath, mount.readOnly === true);
  }

  async #write(path: string, files: Readonly<Record<string, string>>, mode: number): Promise<void> {
    await mkdir(path);
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(path, name), text, { mode });
      await chown(join(path, name), 0, this.#user.volumes ?? 0);
    }
  }

  #mount(from: string, to: string, readOnly: boolean): void {
    const [source, target] = [quote(from), quote(`.${to}`)];
    this.#mounts.push(`mkdir -p ${target}`, `mount --rbind ${source} ${target}`);
    if (readOnly) this.#mounts.push(`mount -o remount,bind,ro ${target}`);
  }

  /** Commands that make the root and go there. */
  #root(hostPID: boolean): string[] {
    const { readOnlyRootFilesystem } = this.#container.securityContext;
    const hosts = ["127.0.0.1 localhost", ...(this.#around.hosts ?? []).map((name) => `127.0.0.1 ${name}`)];
    return [
      `cd ${quote(join(this.#directory, "root"))}`,
      "mount -t tmpfs -o mode=755 none .",
      'cd "$PWD"',
      "mkdir -p dev etc proc sys opt/tcptracker",
      "mkdir -m 1777 tmp",
      // The image.
      "for name in bin lib lib64 sbin; do if [ -L /$name ]; then cp -P /$name .; else mkdir $name && mount --rbind /$name $name; fi; done",
      "mkdir usr && mount --rbind /usr usr && mount -o remount,bind,ro usr",
      `mount --bind ${quote(this.#around.copy.directory)} opt/tcptracker && mount -o remount,bind,ro opt/tcptracker`,
      `printf '%s\\n' ${hosts.map(quote).join(" ")} > etc/hosts`,
      "echo 'hosts: files' > etc/nsswitch.conf",
      // What every container has.
      hostPID ? "mount --rbind /proc proc" : "mount -t proc none proc",
      "mount -t sysfs -o ro none sys",
      "mount -t cgroup2 -o ro none sys/fs/cgroup",
      "mount -t tmpfs -o mode=755 none dev && mkdir -m 1777 dev/shm && mount -t tmpfs -o size=64m none dev/shm",
      "for name in null zero full random urandom; do : > dev/$name; mount --bind /dev/$name dev/$name; done",
      ...this.#mounts,
      ...(readOnlyRootFilesystem ? ["mount -o remount,bind,ro ."] : []),
      "pivot_root . .",
      "umount --lazy .",
      "cd /",
    ];
  }
}
