import { RecordJsonError } from "./errors.ts";
import { DIRECTION, GAP_CAUSE, JOINED, NETWORK, RECORD_TYPE, ROLE, SHUTDOWN, SYSCALL } from "./gen/layout.ts";
import { EXPORT_GAP_CAUSE } from "./gap-cause.ts";
import { JsonObject, parseJson } from "./json-reader.ts";
import { CONTAINER_RUNTIMES } from "./record.ts";
import type {
  CloseRecord,
  ContainerIdentity,
  ContainerRuntime,
  Endpoint,
  NamespacedName,
  PayloadRange,
  PodIdentity,
  PodOwner,
  ProcessIdentity,
  RecordBase,
  RemoteEndpoint,
  TapRecord,
} from "./record.ts";

const CONNECTION_ID = /^[0-9a-f]{16}$/;
const U16 = 0xffff;
const U32 = 0xffffffff;
const RUNTIMES = Object.fromEntries(CONTAINER_RUNTIMES.map((name, index) => [name, index])) as Record<
  ContainerRuntime,
  number
>;
const CAUSES = { ...GAP_CAUSE, ...EXPORT_GAP_CAUSE };

/**
 * A record from a line of the JSON contract: the inverse of `toJson`, exact to the last digit. Members that this version
 * does not know are ignored.
 *
 * Throws RecordJsonError, which names the member that is wrong.
 */
export function fromJson(text: string): TapRecord {
  const json = new JsonObject(parseJson(text), "");
  const type = json.oneOf("type", RECORD_TYPE);
  const base = readBase(json);
  switch (type) {
    case "open":
      return { type, ...base };
    case "data": {
      const payload = json.optional("payload", () => json.base64("payload"));
      const redacted = json.optional("redacted", () => json.objects("redacted").map(readRange));
      return { type, ...base, ...readDirected(json), ...payload, ...redacted };
    }
    case "gap":
      return { type, ...base, ...readDirected(json), cause: json.oneOf("cause", CAUSES) };
    case "close":
      return readClose(json, base);
  }
}

function readBase(json: JsonObject): RecordBase {
  const connection = json.object("connection");
  const network = json.object("network");
  if (network.text("transport") !== "tcp") throw new RecordJsonError("network.transport", '"tcp"');
  return {
    time: json.time("time"),
    connection: {
      id: connection.matching("id", CONNECTION_ID, "16 hexadecimal digits"),
      role: connection.oneOf("role", ROLE),
      joined: connection.oneOf("joined", JOINED),
    },
    local: readEndpoint(json.object("local")),
    remote: readRemote(json.object("remote")),
    network: { type: network.oneOf("type", NETWORK), transport: "tcp" },
    process: readProcess(json.object("process")),
    ...json.optional("cgroup", () => ({ id: json.object("cgroup").decimal("id") })),
    ...json.optional("container", () => readContainer(json.object("container"))),
    ...json.optional("pod", () => readPod(json.object("pod"))),
    ...json.optional("syscall", () => json.oneOf("syscall", SYSCALL)),
  };
}

function readEndpoint(json: JsonObject): Endpoint {
  return { address: json.address("address"), port: json.integer("port", U16) };
}

function readRemote(json: JsonObject): RemoteEndpoint {
  return {
    ...readEndpoint(json),
    ...json.optional("pod", () => readNamespacedName(json.object("pod"))),
    ...json.optional("service", () => readNamespacedName(json.object("service"))),
  };
}

function readNamespacedName(json: JsonObject): NamespacedName {
  return { name: json.text("name"), namespace: json.text("namespace") };
}

function readProcess(json: JsonObject): ProcessIdentity {
  return {
    pid: json.integer("pid", U32),
    tid: json.integer("tid", U32),
    ...json.optional("name", () => json.text("name")),
    uid: json.integer("uid", U32),
  };
}

function readContainer(json: JsonObject): ContainerIdentity {
  return {
    id: json.text("id"),
    ...json.optional("name", () => json.text("name")),
    ...json.optional("image", () => json.text("image")),
    ...json.optional("runtime", () => json.oneOf("runtime", RUNTIMES)),
  };
}

function readPod(json: JsonObject): PodIdentity {
  return {
    name: json.text("name"),
    namespace: json.text("namespace"),
    ...json.optional("uid", () => json.text("uid")),
    ...json.optional("labels", () => json.object("labels").texts()),
    ...json.optional("owner", () => readOwner(json.object("owner"))),
  };
}

function readOwner(json: JsonObject): PodOwner {
  return { kind: json.text("kind"), name: json.text("name") };
}

function readDirected(json: JsonObject): { direction: keyof typeof DIRECTION; offset: bigint; size: bigint } {
  return {
    direction: json.oneOf("direction", DIRECTION),
    offset: json.decimal("offset"),
    size: json.count("size"),
  };
}

function readRange(json: JsonObject): PayloadRange {
  return { offset: json.integer("offset", U32), size: json.integer("size", U32) };
}

function readClose(json: JsonObject, base: RecordBase): CloseRecord {
  const tcp = json.object("tcp");
  return {
    type: "close",
    ...base,
    egress: { bytes: json.object("egress").count("bytes") },
    ingress: { bytes: json.object("ingress").count("bytes") },
    duration: json.count("duration"),
    tcp: {
      ...tcp.optional("smoothedRtt", () => tcp.count("smoothedRtt")),
      retransmits: tcp.integer("retransmits", U32),
    },
    ...json.optional("shutdown", () => json.listOf("shutdown", SHUTDOWN)),
  };
}
