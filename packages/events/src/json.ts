import type {
  CloseRecord,
  DataRecord,
  Endpoint,
  GapRecord,
  RecordBase,
  RemoteEndpoint,
  TapRecord,
} from "./record.ts";

const NS_PER_S = 1_000_000_000n;

/**
 * A record as one line of JSON (without the line break), per the contract: `time` in RFC 3339 with nanoseconds, `offset`
 * and `cgroup.id` as decimal strings, `payload` in base64. The other 64-bit values are JSON numbers with all their
 * digits: a reader that keeps numbers as doubles rounds them above 2^53. What is absent is left out.
 */
export function toJson(record: TapRecord): string {
  return `{"type":"${record.type}",${baseText(record)}${ownText(record)}}`;
}

/** The second that was printed last: records come many to a second, and a Date takes long. */
const lastSecond = { second: 0n, text: "1970-01-01T00:00:00" };

/** Nanoseconds since the epoch as RFC 3339 in UTC with nine digits. Throws RangeError outside the years 0 to 9999. */
export function formatTime(time: bigint): string {
  let nanoseconds = time % NS_PER_S;
  if (nanoseconds < 0n) nanoseconds += NS_PER_S;
  const second = (time - nanoseconds) / NS_PER_S;
  if (second !== lastSecond.second) {
    const text = new Date(Number(second) * 1000).toISOString();
    if (text.length !== 24) throw new RangeError(`${String(time)} ns is outside the years 0 to 9999`);
    lastSecond.second = second;
    lastSecond.text = text.slice(0, 19);
  }
  return `${lastSecond.text}.${String(nanoseconds).padStart(9, "0")}Z`;
}

function baseText(record: RecordBase): string {
  const { connection, process, network, cgroup, container, pod, syscall } = record;
  const name = process.name === undefined ? "" : `"name":${quote(process.name)},`;
  return (
    `"time":"${formatTime(record.time)}"` +
    `,"connection":{"id":${quote(connection.id)},"role":"${connection.role}","joined":"${connection.joined}"}` +
    `,"local":${endpointText(record.local)},"remote":${remoteText(record.remote)}` +
    `,"network":{"type":"${network.type}","transport":"${network.transport}"}` +
    `,"process":{"pid":${String(process.pid)},"tid":${String(process.tid)},${name}"uid":${String(process.uid)}}` +
    (cgroup === undefined ? "" : `,"cgroup":{"id":"${String(cgroup.id)}"}`) +
    // Texts, objects of texts, or absent, which JSON.stringify leaves out.
    (container === undefined ? "" : `,"container":${JSON.stringify(container)}`) +
    (pod === undefined ? "" : `,"pod":${JSON.stringify(pod)}`) +
    (syscall === undefined ? "" : `,"syscall":"${syscall}"`)
  );
}

function ownText(record: TapRecord): string {
  switch (record.type) {
    case "open":
      return "";
    case "data":
      return directedText(record) + payloadText(record.payload) + redactedText(record.redacted);
    case "gap":
      return `${directedText(record)},"cause":"${record.cause}"`;
    case "close":
      return closeText(record);
  }
}

function directedText({ direction, offset, size }: DataRecord | GapRecord): string {
  return `,"direction":"${direction}","offset":"${String(offset)}","size":${String(size)}`;
}

function payloadText(payload: Uint8Array | undefined): string {
  if (payload === undefined || payload.length === 0) return "";
  return `,"payload":"${Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("base64")}"`;
}

function redactedText(redacted: DataRecord["redacted"]): string {
  if (redacted === undefined || redacted.length === 0) return "";
  const ranges = redacted.map(({ offset, size }) => `{"offset":${String(offset)},"size":${String(size)}}`);
  return `,"redacted":[${ranges.join(",")}]`;
}

function closeText({ egress, ingress, duration, tcp, shutdown }: CloseRecord): string {
  const rtt = tcp.smoothedRtt === undefined ? "" : `"smoothedRtt":${String(tcp.smoothedRtt)},`;
  return (
    `,"egress":{"bytes":${String(egress.bytes)}},"ingress":{"bytes":${String(ingress.bytes)}}` +
    `,"duration":${String(duration)},"tcp":{${rtt}"retransmits":${String(tcp.retransmits)}}` +
    (shutdown === undefined || shutdown.length === 0 ? "" : `,"shutdown":${JSON.stringify(shutdown)}`)
  );
}

function endpointText({ address, port }: Endpoint): string {
  return `{"address":${quote(address)},"port":${String(port)}}`;
}

function remoteText({ address, port, pod, service }: RemoteEndpoint): string {
  const names =
    (pod === undefined ? "" : `,"pod":${JSON.stringify(pod)}`) +
    (service === undefined ? "" : `,"service":${JSON.stringify(service)}`);
  return `{"address":${quote(address)},"port":${String(port)}${names}}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}
