import type { KernelNetwork } from "../kernel/expression.ts";
import { contains, IPV4, withoutNested } from "../names/addresses.ts";

type HasAddress = (address: Uint8Array) => boolean;

/**
 * Whether an address (16 bytes) is in any of the networks; it takes as long for 1,000 as for some ten. IPv4 addresses are not
 * looked for in the `wide` ones.
 */
export function networkTable(networks: readonly KernelNetwork[], wide: readonly KernelNetwork[]): HasAddress {
  const has = table(networks);
  if (wide.length === 0) return has;
  const hasWide = table(wide);
  return (address) => has(address) || (hasWide(address) && !contains(IPV4, address));
}

function table(networks: readonly KernelNetwork[]): HasAddress {
  // Sorted and without nested ones: only the last that begins at or before the address can have it.
  const sorted = withoutNested(networks);
  return (address) => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const network = sorted[middle];
      if (network !== undefined && Buffer.compare(network.address, address) <= 0) low = middle + 1;
      else high = middle;
    }
    const candidate = sorted[low - 1];
    return candidate !== undefined && contains(candidate, address);
  };
}
