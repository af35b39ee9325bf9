import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { readCollectCommand, readTapCommand } from "../../packages/agent/src/cli/configured-command.ts";
import { DIRECTORY, render, type Manifest } from "./render.ts";
import { findProblems } from "./schema.ts";
import { makeSecrets, type Files } from "./secrets.ts";

const OVERLAYS = ["base", "overlays/agent-only", "overlays/cert-manager", "overlays/older-nodes"];

/** Those that docs/kubernetes.md tells to make. */
let secrets: Readonly<Record<string, Files>> = {};
beforeAll(async () => {
  secrets = await makeSecrets();
  // kubectl may have to be fetched.
}, 600_000);

interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly livenessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly readinessProbe: { readonly httpGet: { readonly path: string; readonly port: string } };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Workload extends Manifest {
  readonly spec: {
    readonly selector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly serviceAccountName: string;
        readonly priorityClassName?: string;
        readonly containers: readonly [Container];
        readonly volumes: readonly {
          readonly name: string;
          readonly configMap?: { readonly name: string };
          readonly secret?: { readonly secretName: string };
        }[];
      };
    };
  };
}

interface Policy extends Manifest {
  readonly spec: {
    readonly podSelector: { readonly matchLabels: Readonly<Record<string, string>> };
    readonly ingress: readonly { readonly ports: readonly { readonly port: string }[] }[];
    readonly egress: readonly {
      readonly to?: readonly { readonly podSelector: Policy["spec"]["podSelector"] }[];
      readonly ports: readonly { readonly port: string | number }[];
    }[];
  };
}

interface ConfigMap extends Manifest {
  readonly data: Readonly<Record<string, string>>;
}

/** Labels that a selector of these takes. */
function selects(
  selector: Readonly<Record<string, string>>,
  labels: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

describe.each(OVERLAYS)("%s", (overlay) => {
  let directory = "";
  let manifests: Manifest[] = [];
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "tcptracker-manifests-"));
    manifests = await render(overlay);
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });
  const workloads = (): Workload[] =>
    manifests.filter(({ kind }) => kind === "DaemonSet" || kind === "Deployment") as Workload[];
  const named = (kind: string, name: string): Manifest | undefined =>
    manifests.find((one) => one.kind === kind && one.metadata.name === name);

  test("is valid by the schemas of Kubernetes", { timeout: 120_000 }, async () => {
    // cert-manager's own kinds are not Kubernetes'.
    const own = manifests.filter(({ apiVersion }) => !apiVersion.startsWith("cert-manager.io/"));
    expect(own.length).toBeGreaterThan(6);
    expect(await findProblems(own)).toEqual([]);
  });

  test("names nothing that is not there", () => {
    for (const { spec } of workloads()) {
      const { serviceAccountName, priorityClassName, volumes, containers } = spec.template.spec;
      expect(named("ServiceAccount", serviceAccountName), serviceAccountName).toBeDefined();
      if (priorityClassName !== undefined) expect(named("PriorityClass", priorityClassName)).toBeDefined();
      for (const { configMap, secret } of volumes) {
        if (configMap !== undefined) expect(named("ConfigMap", configMap.name), configMap.name).toBeDefined();
        if (secret !== undefined) expect(secrets).toHaveProperty([secret.secretName]);
      }
      expect(new Set(containers[0].volumeMounts.map(({ name }) => name))).toEqual(
        new Set(volumes.map(({ name }) => name)),
      );
      expect(selects(spec.selector.matchLabels, spec.template.metadata.labels)).toBe(true);
    }
    const [binding] = manifests.filter(({ kind }) => kind === "ClusterRoleBinding") as (Manifest & {
      roleRef: { name: string };
      subjects: { name: string; namespace: string }[];
    })[];
    expect(named("ClusterRole", binding?.roleRef.name ?? "")).toBeDefined();
    for (const { name, namespace } of binding?.subjects ?? [])
      expect(named("ServiceAccount", name)?.metadata.namespace).toBe(namespace);
  });

  test("mounts nothing inside a read-only mount, where no directory for it can be made", () => {
    for (const { spec } of workloads()) {
      const paths = spec.template.spec.containers[0].volumeMounts.map(({ mountPath }) => `${mountPath}/`);
      for (const path of paths) expect(paths.filter((other) => other.startsWith(path))).toEqual([path]);
    }
  });

  test("has ports for its probes, services and policies", () => {
    const ports = workloads().flatMap(({ spec }) =>
      spec.template.spec.containers[0].ports.map(({ name }) => ({
        name,
        labels: spec.template.metadata.labels,
      })),
    );
    for (const { spec } of workloads()) {
      const [{ livenessProbe, readinessProbe, ports: own }] = spec.template.spec.containers;
      expect([livenessProbe.httpGet.path, readinessProbe.httpGet.path]).toEqual(["/healthz", "/readyz"]);
      for (const { httpGet } of [livenessProbe, readinessProbe])
        expect(own.map(({ name }) => name)).toContain(httpGet.port);
    }
    const services = manifests.filter(({ kind }) => kind === "Service") as (Manifest & {
      spec: { selector: Record<string, string>; ports: { targetPort: string }[] };
    })[];
    for (const { spec } of services)
      for (const { targetPort } of spec.ports)
        expect(ports.some(({ name, labels }) => name === targetPort && selects(spec.selector, labels))).toBe(
          true,
        );
    const policies = manifests.filter(({ kind }) => kind === "NetworkPolicy") as Policy[];
    expect(policies).toHaveLength(workloads().length);
    for (const { spec } of policies) {
      for (const { port } of spec.ingress.flatMap((rule) => rule.ports))
        expect(
          ports.some(({ name, labels }) => name === port && selects(spec.podSelector.matchLabels, labels)),
        ).toBe(true);
      for (const { to = [], ports: there } of spec.egress)
        for (const { podSelector } of to)
          for (const { port } of there)
            expect(
              ports.some(({ name, labels }) => name === port && selects(podSelector.matchLabels, labels)),
            ).toBe(true);
    }
  });

  test("has configurations that the command takes, and that fit the manifests", async () => {
    for (const { spec } of workloads()) {
      const { containers, volumes } = spec.template.spec;
      const [{ args, ports, volumeMounts }] = containers;
      const [command, flag = ""] = args;
      const path = /^--config=(.*)$/.exec(flag)?.[1] ?? "";
      const mount = volumeMounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
      const map = volumes.find(({ name }) => name === mount?.name)?.configMap?.name ?? "";
      const text = (named("ConfigMap", map) as ConfigMap | undefined)?.data[
        path.slice(path.lastIndexOf("/") + 1)
      ];
      expect(text, path).toBeDefined();
      const file = join(directory, `${command ?? ""}.yaml`);
      writeFileSync(file, text ?? "");
      const read = command === "tap" ? readTapCommand : readCollectCommand;
      const { settings, metrics } = await read(["--config", file], {});
      expect(metrics?.port).toBe(ports.find(({ name }) => name === "metrics")?.containerPort);
      // Files of the secret are where it is mounted, and in it; the spool is on a volume.
      for (const [name, value] of Object.entries(settings))
        if (name !== "config" && typeof value === "string" && value.startsWith("/")) {
          const mounted = volumeMounts.find(({ mountPath }) => value.startsWith(`${mountPath}/`));
          expect(mounted, `${name}: ${value}`).toBeDefined();
          const secret = volumes.find((volume) => volume.name === mounted?.name)?.secret?.secretName;
          if (secret !== undefined)
            expect(secrets[secret]).toHaveProperty([value.slice(value.lastIndexOf("/") + 1)]);
        }
      if (command !== "tap") continue;
      const target = String(settings["export"]);
      if (named("Service", "tcptracker-collector") !== undefined) {
        expect(target).toBe("tcptracker-collector.tcptracker.svc:4319");
        continue;
      }
      const policy = named("NetworkPolicy", "tcptracker-agent") as Policy | undefined;
      const allowed = policy?.spec.egress.flatMap((rule) => rule.ports.map(({ port }) => port));
      expect(allowed).toContain(Number(target.slice(target.lastIndexOf(":") + 1)));
    }
  });

  test("runs this version's image", () => {
    const manifest = JSON.parse(
      readFileSync(new URL("../../packages/agent/package.json", import.meta.url), "utf8"),
    ) as { version: string };
    for (const { spec } of workloads())
      expect(spec.template.spec.containers[0].image).toBe(`tcptracker/agent:${manifest.version}`);
  });
});

test("cert-manager makes the same secrets as the commands of docs/kubernetes.md", async () => {
  const objects = (await render("overlays/cert-manager")).filter(
    ({ apiVersion }) => apiVersion === "cert-manager.io/v1",
  ) as (Manifest & {
    spec: {
      secretName?: string;
      dnsNames?: readonly string[];
      issuerRef?: { name: string };
      ca?: { secretName: string };
    };
  })[];
  const certificates = objects.filter(({ kind }) => kind === "Certificate");
  const issuers = objects.filter(({ kind }) => kind === "Issuer");
  const made = certificates.map(({ spec }) => spec.secretName);
  expect(made).toEqual(expect.arrayContaining(Object.keys(secrets)));
  for (const { spec } of certificates)
    expect(issuers.map(({ metadata }) => metadata.name)).toContain(spec.issuerRef?.name);
  for (const { spec } of issuers) if (spec.ca !== undefined) expect(made).toContain(spec.ca.secretName);
  const hosts = certificates.flatMap(({ spec }) => spec.dnsNames ?? []);
  expect(hosts).toEqual(["tcptracker-collector.tcptracker.svc"]);
  for (const { metadata } of objects) expect(metadata.namespace).toBe("tcptracker");
});

test("components go together", async () => {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "tcptracker-components-")));
  onTestFinished(() => {
    rmSync(directory, { recursive: true });
  });
  const path = (name: string): string => relative(directory, join(DIRECTORY, name));
  const kustomization = {
    ...{ apiVersion: "kustomize.config.k8s.io/v1beta1", kind: "Kustomization", namespace: "tcptracker" },
    resources: [path("base")],
    components: [path("components/cert-manager"), path("components/older-nodes")],
  };
  writeFileSync(join(directory, "kustomization.yaml"), JSON.stringify(kustomization));
  const both = await render(directory);
  const [certificates, older] = [await render("overlays/cert-manager"), await render("overlays/older-nodes")];
  // What either adds or changes is there, and nothing else.
  const texts = (manifests: readonly Manifest[]): string[] =>
    manifests.map((manifest) => JSON.stringify(manifest));
  const base = texts(await render("base"));
  const changes = [...texts(certificates), ...texts(older)].filter((text) => !base.includes(text));
  expect(
    texts(both)
      .filter((text) => !base.includes(text))
      .sort(),
  ).toEqual(changes.sort());
  expect(changes.length).toBeGreaterThan(3);
});

describe("the schemas refuse", () => {
  const podOf = (container: object): Manifest => {
    const spec = { containers: [{ name: "a", image: "b", ...container }] };
    return { apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, spec } as Manifest;
  };

  test.each([
    ["a field that is spelt wrong", podOf({ securityContxt: {} }), "Pod x: Object literal may only"],
    ["a number for a text", podOf({ image: 7 }), "Pod x"],
    ["a value that is none of the choices", podOf({ imagePullPolicy: "Sometimes" }), "Pod x"],
    ["a kind that there is not", { ...podOf({}), kind: "Pood" }, "there is no Pood in v1"],
  ])("%s", { timeout: 120_000 }, async (_, manifest, problem) => {
    expect(await findProblems([podOf({})])).toEqual([]);
    expect((await findProblems([manifest])).join("\n")).toContain(problem);
  });
});
