/** What is read of a pod or service as the Kubernetes API has it: who has which addresses. */
import { isIP } from "node:net";
import type { RemoteNames } from "@tcptracker/events";
import { listAt, member, textAt } from "../untyped.ts";
import { readMetadata } from "./metadata.ts";

/** An object with addresses of its own; none while it has none. */
export interface Addressed {
  readonly uid: string;
  /** As records have them: RFC 5952. */
  readonly addresses: readonly string[];
  readonly names: RemoteNames;
  /** Of the node that it is on. */
  readonly nodes: readonly string[];
}

/** Undefined for what is no object with a name. */
export function readAddresses(kind: "pod" | "service", json: unknown): Addressed | undefined {
  const named = readMetadata(json);
  if (named === undefined) return undefined;
  const { name, namespace, uid } = named;
  const texts = kind === "pod" ? addressesOfPod(json) : addressesOfService(json);
  return {
    uid,
    addresses: normalised(texts),
    names: { [kind]: { name, namespace } },
    nodes: kind === "pod" ? normalised(nodeOf(json)) : [],
  };
}

function addressesOfPod(json: unknown): string[] {
  const [spec, status] = [member(json, "spec"), member(json, "status")];
  // Its addresses are the node's, which others have, too.
  if (member(spec, "hostNetwork") === true) return [];
  // It has given its address back.
  if (["Succeeded", "Failed"].includes(textAt(status, "phase") ?? "")) return [];
  return ipsAt(status, "podIPs");
}

/** Before Kubernetes 1.28 there is only one of its addresses. */
function nodeOf(json: unknown): string[] {
  const status = member(json, "status");
  return [...ipsAt(status, "hostIPs"), textAt(status, "hostIP") ?? ""];
}

function addressesOfService(json: unknown): string[] {
  const [spec, status] = [member(json, "spec"), member(json, "status")];
  const [own, external] = [listAt(spec, "clusterIPs"), listAt(spec, "externalIPs")];
  const balanced = ipsAt(member(status, "loadBalancer"), "ingress");
  return [...own, ...external, ...balanced].filter((text) => typeof text === "string");
}

function ipsAt(value: unknown, name: string): string[] {
  return listAt(value, name).flatMap((entry) => textAt(entry, "ip") ?? []);
}

/** Without what is no address, such as the `None` of a headless service. */
function normalised(texts: readonly string[]): string[] {
  const addresses = texts.flatMap((text) => {
    const version = isIP(text);
    if (version !== 6) return version === 4 ? text : [];
    return new URL(`http://[${text}]`).hostname.slice(1, -1);
  });
  return [...new Set(addresses)];
}
