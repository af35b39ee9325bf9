import { member, textAt } from "../untyped.ts";

/** Which object of the Kubernetes API it is. */
export interface Metadata {
  readonly name: string;
  readonly namespace: string;
  readonly uid: string;
}

/** Undefined for what is no object with a name in a namespace. */
export function readMetadata(json: unknown): Metadata | undefined {
  const metadata = member(json, "metadata");
  const [name, namespace, uid] = [
    textAt(metadata, "name"),
    textAt(metadata, "namespace"),
    textAt(metadata, "uid"),
  ];
  return name === undefined || namespace === undefined || uid === undefined
    ? undefined
    : { name, namespace, uid };
}
