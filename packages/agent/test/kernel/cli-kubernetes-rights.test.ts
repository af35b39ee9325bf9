/** The command with the rights that the DaemonSet gives it, and no others. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parse } from "yaml";
import { Agent, type AgentOptions } from "./support/agent.ts";
import { request, startServer } from "./support/http.ts";
import { recordsOf, tile } from "./support/tiling.ts";
import { PublicCopy } from "./support/users.ts";

const SECONDS = 120;

interface SecurityContext {
  readonly runAsUser: number;
  readonly privileged: boolean;
  readonly allowPrivilegeEscalation: boolean;
  readonly readOnlyRootFilesystem: boolean;
  readonly capabilities: { readonly drop: readonly string[]; readonly add: readonly string[] };
}

const manifest = new URL("../../../../deploy/kubernetes/base/agent/daemonset.yaml", import.meta.url);
const { spec } = parse(readFileSync(manifest, "utf8")) as {
  spec: { template: { spec: { hostPID?: boolean; containers: [{ securityContext: SecurityContext }] } } };
};
const [{ securityContext: rights }] = spec.template.spec.containers;
const capabilities = rights.capabilities.add.map((name) => name.toLowerCase());

let copy: PublicCopy;
beforeAll(async () => {
  copy = await PublicCopy.make();
}, SECONDS * 1000);
afterAll(() => copy[Symbol.asyncDispose]());

/** As a runtime starts a container: a mount namespace with a read-only root, bounding set and no_new_privs, then the program. */
function contained(added: readonly string[]): AgentOptions {
  const list = ["-all", ...added.map((name) => `+${name}`)].join(",");
  const setpriv = [
    ...["setpriv", `--reuid=${rights.runAsUser}`, `--regid=${rights.runAsUser}`, "--clear-groups"],
    ...["--no-new-privs", `--inh-caps=${list}`, `--bounding-set=${list}`, "--", copy.node],
  ];
  return {
    program: "unshare",
    prefix: [
      "--mount",
      "--pid",
      "--fork",
      "--kill-child",
      "--mount-proc",
      "sh",
      "-c",
      'mount -o remount,bind,ro / && exec "$@"',
      "sh",
      ...setpriv,
    ],
    command: copy.command,
    spawn: { cwd: "/" },
  };
}

test("the manifest is of the kind that this test stands for", () => {
  expect(rights).toMatchObject({
    runAsUser: 0,
    privileged: false,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  expect(spec.template.spec.hostPID, "its pid namespace is its own").toBeUndefined();
});

test("with them: the bytes of other processes", { timeout: SECONDS * 1000 }, async () => {
  await using server = await startServer();
  await using agent = await Agent.tapping(["--json"], contained(capabilities));
  await request(server.port, "/from-a-pod");
  await expect
    .poll(() => recordsOf(agent.records(), { remote: server.port }).some(({ type }) => type === "data"), {
      timeout: 20_000,
    })
    .toBe(true);
  const client = recordsOf(agent.records(), { remote: server.port });
  expect(tile(client, "egress").captured).toBeGreaterThan("GET /from-a-pod".length);
  expect(new Set(client.map(({ process: { pid } }) => pid))).toEqual(new Set([process.pid]));
});

test.each(capabilities)("without %s: 3", { timeout: SECONDS * 1000 }, async (missing) => {
  await using agent = new Agent(
    ["tap", "--duration", "1ms"],
    contained(capabilities.filter((name) => name !== missing)),
  );
  const { code, stderr } = await agent.ended(SECONDS);
  expect([code, stderr]).toEqual([3, expect.stringContaining("not permitted") as string]);
});
