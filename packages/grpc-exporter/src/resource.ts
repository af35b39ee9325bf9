import { readFileSync } from "node:fs";
import { hostname, machine, release } from "node:os";
import { create, toBinary } from "@bufbuild/protobuf";
import { ResourceSchema, type Resource } from "@tcptracker/proto";

/** The host and program that records come from. */
export interface ExportResource {
  readonly hostName: string;
  readonly kernelRelease: string;
  readonly architecture: string;
  /** The version of the exporting program. */
  readonly agentVersion: string;
  /** 32 hexadecimal digits: this boot of the kernel. Absent where /proc does not tell. */
  readonly bootId?: string;
}

/** What this host says of itself. */
export function readResource(agentVersion: string): ExportResource {
  const bootId = readBootId();
  return {
    hostName: hostname(),
    kernelRelease: release(),
    architecture: machine(),
    agentVersion,
    ...(bootId === undefined ? {} : { bootId }),
  };
}

function readBootId(): string | undefined {
  try {
    const digits = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").replaceAll(/[^0-9a-f]/g, "");
    return digits.length === 32 ? digits : undefined;
  } catch {
    return undefined;
  }
}

/** As a message. */
export function toResource({ bootId, ...names }: ExportResource): Resource {
  return create(ResourceSchema, { ...names, bootId: Uint8Array.from(Buffer.from(bootId ?? "", "hex")) });
}

/** As the message's bytes. */
export function encodeResource(resource: ExportResource): Uint8Array {
  return toBinary(ResourceSchema, toResource(resource));
}

/** From a message. */
export function fromResource(message: Resource | undefined): ExportResource {
  const { hostName = "", kernelRelease = "", architecture = "", agentVersion = "", bootId } = message ?? {};
  const named = { hostName, kernelRelease, architecture, agentVersion };
  if (bootId === undefined || bootId.length === 0) return named;
  return { ...named, bootId: Buffer.from(bootId).toString("hex") };
}
