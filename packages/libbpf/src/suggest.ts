/** Edits (insert, delete, replace) between two names. */
export function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i++) {
    const current = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const replace = (previous[j] ?? 0) + (a[i] === b[j] ? 0 : 1);
      current.push(Math.min(replace, (previous[j + 1] ?? 0) + 1, (current[j] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

const SUGGESTIONS = 3;

/** "Did you mean ...?" with the nearest names, or what there is when none is near. */
export function suggest(name: string, available: Iterable<string>): string {
  const names = [...available];
  if (names.length === 0) return "There is none";
  const ranked = names
    .map((candidate) => ({ candidate, edits: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.edits - b.edits);
  const near = ranked.filter(
    ({ candidate, edits }) =>
      edits <= Math.max(2, Math.ceil(candidate.length / 3)) || candidate.includes(name),
  );
  if (near.length > 0) {
    return `Did you mean ${near
      .slice(0, SUGGESTIONS)
      .map(({ candidate }) => candidate)
      .join(" or ")}?`;
  }
  const shown = names.slice(0, 10).join(", ");
  return `There is ${shown}${names.length > 10 ? `, and ${names.length - 10} more` : ""}`;
}
