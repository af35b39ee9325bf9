import type {
  Direction,
  AnyGapCause,
  Network,
  Joined,
  RecordType,
  Role,
  Syscall,
  TapRecord,
} from "@tcptracker/events";
import { parseAddress } from "../names/addresses.ts";
import type { FilterInput } from "../names/input.ts";

const NOTHING = new Uint8Array(0);
const UNSPECIFIED = new Uint8Array(16);

/** A record as objects for predicates. Attributes are those that the record has of its container and pod. */
export class RecordInput implements FilterInput {
  readonly #record: TapRecord;

  constructor(record: TapRecord) {
    this.#record = record;
  }

  get type(): RecordType {
    return this.#record.type;
  }

  get direction(): Direction | undefined {
    return "direction" in this.#record ? this.#record.direction : undefined;
  }

  get syscall(): Syscall | undefined {
    return this.#record.syscall;
  }

  get cause(): AnyGapCause | undefined {
    return this.#record.type === "gap" ? this.#record.cause : undefined;
  }

  get connectionId(): string {
    return this.#record.connection.id;
  }

  get role(): Role {
    return this.#record.connection.role;
  }

  get joined(): Joined {
    return this.#record.connection.joined;
  }

  get network(): Network {
    return this.#record.network.type;
  }

  get localAddress(): string {
    return this.#record.local.address;
  }

  get remoteAddress(): string {
    return this.#record.remote.address;
  }

  get localAddressBytes(): Uint8Array {
    return parseAddress(this.#record.local.address) ?? UNSPECIFIED;
  }

  get remoteAddressBytes(): Uint8Array {
    return parseAddress(this.#record.remote.address) ?? UNSPECIFIED;
  }

  get localPort(): number {
    return this.#record.local.port;
  }

  get remotePort(): number {
    return this.#record.remote.port;
  }

  get pid(): number {
    return this.#record.process.pid;
  }

  get tid(): number {
    return this.#record.process.tid;
  }

  get uid(): number {
    return this.#record.process.uid;
  }

  get processName(): string {
    return this.#record.process.name ?? "";
  }

  get cgroup(): bigint {
    return this.#record.cgroup?.id ?? 0n;
  }

  get offsetNumber(): number {
    return "offset" in this.#record ? Number(this.#record.offset) : 0;
  }

  get sizeNumber(): number {
    return "size" in this.#record ? Number(this.#record.size) : 0;
  }

  get payload(): Uint8Array {
    return this.#record.type === "data" ? (this.#record.payload ?? NOTHING) : NOTHING;
  }

  attribute(name: string, key?: string): string {
    const [root, ...members] = name.split(".");
    if (root !== "container" && root !== "pod") return "";
    let value: unknown = this.#record[root];
    for (const member of key === undefined ? members : [...members, key]) value = memberOf(value, member);
    return typeof value === "string" ? value : "";
  }
}

function memberOf(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[name];
}
