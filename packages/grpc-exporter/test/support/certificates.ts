/** Certificates for tests, made on the spot: nothing expires in a repository, and no key lies in it. */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from "node:crypto";
import { isIP } from "node:net";

const DAY = 86_400_000;
const TAG = { boolean: 0x01, integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, utf8: 0x0c, time: 0x18 };
const [SEQUENCE, SET] = [0x30, 0x31];

/** A certificate and its key, in PEM. */
export interface Identity {
  readonly name: string;
  readonly cert: string;
  readonly key: string;
}

export interface Wanted {
  /** Common name. */
  readonly name: string;
  /** DNS names and addresses; none for an authority. */
  readonly hosts?: readonly string[];
  /** Without, it signs itself. */
  readonly issuer?: Identity;
  /** Days from now; default 1. Negative: it has expired. */
  readonly days?: number;
}

/** Makes a certificate on an elliptic curve key: an authority's if it has no hosts and no issuer. */
export function makeCertificate({ name, hosts = [], issuer, days = 1 }: Wanted): Identity {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const signer: KeyObject = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const algorithm = der(SEQUENCE, oid("1.2.840.10045.4.3.2"));
  const end = Date.now() + days * DAY;
  const body = der(
    SEQUENCE,
    der(0xa0, der(TAG.integer, Buffer.from([2]))),
    der(TAG.integer, Buffer.concat([Buffer.from([1]), randomBytes(15)])),
    algorithm,
    nameOf(issuer?.name ?? name),
    der(SEQUENCE, time(Math.min(end, Date.now()) - DAY), time(end)),
    nameOf(name),
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, der(SEQUENCE, ...extensions(issuer === undefined, hosts))),
  );
  const signature = der(TAG.bits, Buffer.from([0]), sign("sha256", body, signer));
  const certificate = der(SEQUENCE, body, algorithm, signature);
  const lines = certificate.toString("base64").replaceAll(/(.{64})(?=.)/g, "$1\n");
  return {
    name,
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function extensions(authority: boolean, hosts: readonly string[]): Buffer[] {
  const basic = authority ? [der(TAG.boolean, Buffer.from([0xff]))] : [];
  const list = [
    der(
      SEQUENCE,
      oid("2.5.29.19"),
      der(TAG.boolean, Buffer.from([0xff])),
      der(TAG.octets, der(SEQUENCE, ...basic)),
    ),
  ];
  if (hosts.length === 0) return list;
  const names = hosts.map((host) =>
    isIP(host) === 0
      ? der(0x82, Buffer.from(host))
      : der(0x87, host === "::1" ? ipv6Loopback() : Buffer.from(host.split(".").map(Number))),
  );
  return [...list, der(SEQUENCE, oid("2.5.29.17"), der(TAG.octets, der(SEQUENCE, ...names)))];
}

function ipv6Loopback(): Buffer {
  return Buffer.from([...Array.from({ length: 15 }, () => 0), 1]);
}

function nameOf(name: string): Buffer {
  return der(SEQUENCE, der(SET, der(SEQUENCE, oid("2.5.4.3"), der(TAG.utf8, Buffer.from(name)))));
}

/** GeneralizedTime: `20261122151800Z`. */
function time(milliseconds: number): Buffer {
  const text = new Date(milliseconds).toISOString().replaceAll(/[-:T]|\..*/g, "");
  return der(TAG.time, Buffer.from(`${text}Z`));
}

function oid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const value of rest) {
    const groups = [value & 0x7f];
    for (let left = value >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return der(TAG.oid, Buffer.from(bytes));
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const length =
    body.length < 0x80
      ? [body.length]
      : body.length < 0x100
        ? [0x81, body.length]
        : [0x82, body.length >> 8, body.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}
