import { join } from "node:path";
import { run } from "./http.ts";

const RENDER = join(import.meta.dirname, "../../../../../tools/kubernetes/render.ts");

/** A container, as far as the tests start it. */
export interface ContainerSpec {
  readonly args: readonly string[];
  readonly env?: readonly {
    readonly name: string;
    readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } };
  }[];
  readonly livenessProbe: { readonly httpGet: { readonly path: string } };
  readonly readinessProbe: { readonly httpGet: { readonly path: string } };
  readonly securityContext: {
    readonly runAsUser?: number;
    readonly privileged?: boolean;
    readonly allowPrivilegeEscalation: boolean;
    readonly readOnlyRootFilesystem: boolean;
    readonly capabilities: { readonly drop: readonly string[]; readonly add?: readonly string[] };
  };
  readonly volumeMounts: readonly {
    readonly name: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
  }[];
}

/** What a volume is; one of these. */
export interface VolumeSpec {
  readonly name: string;
  readonly configMap?: { readonly name: string };
  readonly secret?: { readonly secretName: string; readonly defaultMode: number };
  readonly hostPath?: { readonly path: string };
  readonly emptyDir?: object;
}

/** A pod, likewise. */
export interface PodSpec {
  readonly automountServiceAccountToken?: boolean;
  readonly hostPID?: boolean;
  readonly hostNetwork?: boolean;
  readonly securityContext?: {
    readonly runAsUser?: number;
    readonly runAsGroup?: number;
    readonly fsGroup?: number;
  };
  readonly containers: readonly [ContainerSpec];
  readonly volumes: readonly VolumeSpec[];
}

/** What RBAC allows. */
export interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec?: { readonly template: { readonly spec: PodSpec } };
  readonly data?: Readonly<Record<string, string>>;
  readonly rules?: readonly Rule[];
}

/** A kustomization of deploy/kubernetes, as kubectl renders it. */
export class Manifests {
  readonly #all: readonly Manifest[];

  private constructor(all: readonly Manifest[]) {
    this.#all = all;
  }

  static async of(kustomization: string): Promise<Manifests> {
    const { stdout } = await run(process.execPath, [RENDER, kustomization]);
    return new Manifests(JSON.parse(stdout) as Manifest[]);
  }

  /** The pods of the only workload of this kind. */
  pod(kind: "DaemonSet" | "Deployment"): PodSpec {
    const [{ spec } = {}, ...others] = this.#all.filter((one) => one.kind === kind);
    if (spec === undefined || others.length > 0) throw new Error(`there is not just one ${kind}`);
    return spec.template.spec;
  }

  configMap(name: string): Readonly<Record<string, string>> {
    const data = this.#all.find(({ kind, metadata }) => kind === "ConfigMap" && metadata.name === name)?.data;
    if (data === undefined) throw new Error(`there is no ConfigMap ${name}`);
    return data;
  }

  /** Of all roles. */
  rules(): readonly Rule[] {
    return this.#all.flatMap(({ rules = [] }) => rules);
  }
}
