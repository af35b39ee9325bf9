/** Random filters with lists that are too long for comparing one by one: the kernel looks them up in maps. */
import fc from "fast-check";
import { anyExpression } from "./expressions.ts";
import { IDS, IPV4_ADDRESSES, IPV6_ADDRESSES, NAMES, PORTS, SIZES } from "./pools.ts";

type Texts = fc.Arbitrary<string>;

/** A list of these values and of others that are like them. */
function long(known: readonly (string | number | bigint)[], others: Texts): Texts {
  const items = fc.oneof(fc.constantFrom(...known.map((value) => spell(value))), others);
  return fc.uniqueArray(items, { minLength: 10, maxLength: 60 }).map((list) => `[${list.join(", ")}]`);
}

function spell(value: string | number | bigint): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}

const numbers = fc.nat(60_000).map(String);
const names = fc.stringMatching(/^[a-z]{1,15}$/).map(spell);
/** Networks have no bits set behind their length. */
const networks = fc.tuple(fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 32 })).map(([word, bits]) => {
  const masked = Math.floor(word / 2 ** (32 - bits)) * 2 ** (32 - bits);
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(masked / 2 ** shift) % 256);
  return spell(`${octets.join(".")}/${String(bits)}`);
});
const networks6 = fc
  .tuple(fc.nat(0xffff), fc.integer({ min: 32, max: 128 }))
  .map(([word, bits]) => spell(`2001:${word.toString(16)}::/${String(bits)}`));
const addresses = [...IPV4_ADDRESSES, ...IPV6_ADDRESSES];

const large: Texts = fc.oneof(
  long(PORTS, numbers).map((list) => `remote.port in ${list}`),
  long(IDS, numbers).map((list) => `process.uid in ${list}`),
  long(SIZES, numbers).map((list) => `size in ${list}`),
  long(NAMES, names).map((list) => `process.name in ${list}`),
  long(addresses, fc.oneof(networks, networks6)).map((list) => `remote.address.in(${list})`),
  long(addresses, networks).map((list) => `net(${list})`),
  long(PORTS, numbers).map((list) => `port(${list})`),
);

/** A filter with a long list somewhere. */
export const largeExpression: Texts = fc.oneof(
  large,
  large.map((text) => `!(${text})`),
  fc.tuple(large, anyExpression).map(([one, other]) => `(${one}) && (${other})`),
  fc.tuple(large, anyExpression).map(([one, other]) => `(${one}) || (${other})`),
  fc.tuple(anyExpression, large, large).map(([test, one, other]) => `(${test}) ? (${one}) : (${other})`),
);
