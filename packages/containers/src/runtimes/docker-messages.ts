/** What the HTTP API of Docker, which Podman speaks too, says of containers. */
import type { ContainerRuntime, PodIdentity } from "@tcptracker/events";
import type { ContainerFacts } from "../identity-source.ts";
import { member, textAt, textsAt } from "../untyped.ts";

/** A container and what is known of it. */
export interface ToldContainer {
  readonly id: string;
  readonly facts: ContainerFacts;
}

/** One of the list at `/containers/json`. */
export function readListed(json: unknown, runtime: ContainerRuntime): ToldContainer | undefined {
  const names = member(json, "Names");
  // Links give a container more names, which have another one's in front: /other/alias.
  const name = (Array.isArray(names) ? names : []).find(
    (text): text is string => typeof text === "string" && text.lastIndexOf("/") <= 0,
  );
  return told(textAt(json, "Id"), name, textAt(json, "Image"), textsAt(json, "Labels"), runtime);
}

/** The document at `/containers/<id>/json`. */
export function readInspected(json: unknown, runtime: ContainerRuntime): ToldContainer | undefined {
  const config = member(json, "Config");
  return told(
    textAt(json, "Id"),
    textAt(json, "Name"),
    textAt(config, "Image"),
    textsAt(config, "Labels"),
    runtime,
  );
}

/** One of the stream at `/events`: its attributes are the labels, and the name and the image among them. */
export function readEvent(json: unknown, runtime: ContainerRuntime): ToldContainer | undefined {
  const actor = member(json, "Actor");
  const { name, image, ...labels } = textsAt(actor, "Attributes");
  return told(textAt(actor, "ID"), name, image, labels, runtime);
}

/** Whose API it is, by the document at `/version`. */
export function readRuntime(json: unknown): ContainerRuntime {
  const components = member(json, "Components");
  const names = (Array.isArray(components) ? components : []).map((component) => textAt(component, "Name"));
  return names.some((name) => name?.startsWith("Podman") === true) ? "podman" : "docker";
}

function told(
  id: string | undefined,
  name: string | undefined,
  image: string | undefined,
  labels: Readonly<Record<string, string>>,
  runtime: ContainerRuntime,
): ToldContainer | undefined {
  if (id === undefined) return undefined;
  // What a kubelet runs has a long name made of these.
  const given = labels["io.kubernetes.container.name"] ?? name?.replace(/^\//, "");
  const pod = podOf(labels);
  const facts: ContainerFacts = {
    ...(given === undefined || given === "" ? {} : { name: given }),
    ...(image === undefined || image === "" ? {} : { image }),
    runtime,
    ...(pod === undefined ? {} : { pod }),
  };
  return { id, facts };
}

/** What a kubelet tells a runtime about the pod. */
function podOf(labels: Readonly<Record<string, string>>): PodIdentity | undefined {
  const name = labels["io.kubernetes.pod.name"];
  const namespace = labels["io.kubernetes.pod.namespace"];
  const uid = labels["io.kubernetes.pod.uid"];
  if (name === undefined || namespace === undefined || name === "" || namespace === "") return undefined;
  return uid === undefined || uid === "" ? { name, namespace } : { name, namespace, uid };
}
