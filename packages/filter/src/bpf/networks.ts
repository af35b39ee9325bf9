/** Whether an address is in one of some networks: by masks where they are few, by a trie where they are many. */
import type { InNetworks, KernelNetwork } from "../kernel/expression.ts";
import type { Assembler } from "./assembler.ts";
import { numberAt } from "./bytes.ts";
import type { Label } from "./instructions.ts";
import { ADDRESS_LENGTH, ADDRESS_OFFSETS } from "./layout.ts";
import { NETWORK_KEY_SIZE, type MapPlan } from "./maps.ts";
import { CALL_REGISTER, STACK_REGISTER } from "./registers.ts";

/** A look-up in a trie costs about as much as this many comparisons. */
const MOST_BY_MASK = 6;

const WORD = 4;

/** Jumps to `yes` or `no`. */
export function writeNetworks(
  code: Assembler,
  { side, networks }: InNetworks,
  maps: MapPlan,
  yes: Label,
  no: Label,
): void {
  const offset = ADDRESS_OFFSETS[side];
  if (networks.length > MOST_BY_MASK) {
    writeTrie(code, offset, maps.networks(networks), no);
  } else {
    for (const network of networks.slice(0, -1)) {
      const next = code.label("next_network");
      writeMask(code, offset, network, next);
      code.jump(yes).place(next);
    }
    for (const network of networks.slice(-1)) writeMask(code, offset, network, no);
    if (networks.length === 0) code.jump(no);
  }
  code.jump(yes);
}

/** The last words first: those of IPv4 addresses all begin alike. */
function writeMask(
  code: Assembler,
  offset: number,
  { address, bits }: KernelNetwork,
  different: Label,
): void {
  for (let word = Math.ceil(bits / 32) - 1; word >= 0; word--) {
    const significant = Math.min(32, bits - 32 * word);
    code.load(1, CALL_REGISTER, offset + WORD * word, WORD);
    const value = numberAt(address, WORD * word, WORD);
    if (significant === 32) {
      code.branch(1, "!=", value, different);
      continue;
    }
    const mask = maskOf(significant);
    // The kernel extends the sign of a mask to 64 bits; the upper half of what is masked is 0 anyway.
    code.arithmetic(1, "&", Number(BigInt.asIntN(32, mask)));
    code.branch(1, "!=", value & mask, different);
  }
}

/** The first `bits` bits of a word as it is in memory, as a load finds it. */
function maskOf(bits: number): bigint {
  const inOrder = new DataView(new ArrayBuffer(WORD));
  inOrder.setUint32(0, bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0);
  return BigInt(inOrder.getUint32(0, true));
}

function writeTrie(code: Assembler, offset: number, map: string, no: Label): void {
  // The address is aligned, the length before it.
  code.storeImmediate(STACK_REGISTER, -NETWORK_KEY_SIZE, ADDRESS_LENGTH * 8, 4);
  for (let at = 0; at < ADDRESS_LENGTH; at += 8) {
    code.load(1, CALL_REGISTER, offset + at, 8);
    code.store(STACK_REGISTER, at - ADDRESS_LENGTH, 1, 8);
  }
  code.map(1, map).move(2, STACK_REGISTER).arithmetic(2, "+", -NETWORK_KEY_SIZE).call("map_lookup_elem");
  code.branch(0, "==", 0n, no);
}
