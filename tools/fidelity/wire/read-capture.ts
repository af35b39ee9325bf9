/** Has tshark dissect a capture. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { WireConnections, type WireConnection } from "./connections.ts";
import { FIELDS, parseSegment } from "./segment.ts";

/** The connections in a capture file to these ports. */
export async function readCapture(file: string, ports: readonly number[]): Promise<WireConnection[]> {
  // What runs above TCP is none of our business: dissecting it costs time and could hide payloads.
  const plain = ports.flatMap((port) => ["-d", `tcp.port==${port},data`]);
  const args = ["-n", "-r", file, "-Y", "tcp", "-o", "tcp.desegment_tcp_streams:FALSE", ...plain];
  const fields = [
    "-T",
    "fields",
    "-E",
    "separator=/t",
    "-E",
    "occurrence=f",
    ...FIELDS.flatMap((f) => ["-e", f]),
  ];
  const tshark = spawn("tshark", [...args, ...fields], { stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(tshark, "close");
  let errors = "";
  tshark.stderr.setEncoding("utf8").on("data", (text: string) => (errors += text));
  const connections = new WireConnections();
  // All of it is ASCII, and latin1 is the cheapest way to make strings of that.
  for await (const line of createInterface({ input: tshark.stdout.setEncoding("latin1") }))
    connections.add(parseSegment(line));
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`tshark ended with ${code}: ${errors}`);
  return connections.finish().filter(({ server }) => ports.includes(server.port));
}
