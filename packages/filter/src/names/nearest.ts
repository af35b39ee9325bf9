/** Of `names` the one that differs least from `wrong`; undefined if all differ in too much to be meant. */
export function nearest(wrong: string, names: readonly string[]): string | undefined {
  let best: string | undefined;
  let least = Math.max(1, Math.floor(wrong.length / 3)) + 1;
  for (const name of names) {
    const distance = editDistance(wrong.toLowerCase(), name.toLowerCase(), least);
    if (distance >= least) continue;
    least = distance;
    best = name;
  }
  return best;
}

/** `; did you mean "…"?`, or nothing. */
export function didYouMean(wrong: string, names: readonly string[]): string {
  const name = nearest(wrong, names);
  return name === undefined ? "" : meant(name);
}

export function meant(name: string): string {
  return `; did you mean "${name}"?`;
}

/**
 * Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`. Exact below `limit`; the lengths alone
 * rule most out.
 */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(cell(last, j) + 1, cell(row, j - 1) + 1, cell(last, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, cell(beforeLast, j - 2) + 1);
      row.push(cost);
    }
    [beforeLast, last] = [last, row];
  }
  return cell(last, b.length);
}

function cell(row: readonly number[], index: number): number {
  return row[index] ?? Infinity;
}
