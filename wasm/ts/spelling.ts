import { show } from './check.js';

/** Refuses an option that is not known, and names the nearest one. */
export function known<T extends object>(what: string, given: T, names: readonly string[]): T {
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const near = nearest(name, names);
    const advice = near === undefined ? `; known are ${names.join(', ')}` : `; did you mean ${near}?`;
    throw new TypeError(`${what} has no ${show(name)}${advice}`);
  }
  return given;
}

function nearest(name: string, names: readonly string[]): string | undefined {
  const lower = name.toLowerCase();
  const near = names.map((other) => [distance(lower, other.toLowerCase()), other] as const);
  const [least, best] = near.reduce((a, b) => (b[0] < a[0] ? b : a));
  return least <= Math.max(2, name.length / 3) ? best : undefined;
}

/** How many letters one has to add, leave out or change (Levenshtein 1965). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      next.push(Math.min(next[j]! + 1, row[j + 1]! + 1, row[j]! + Number(a[i] !== b[j])));
    }
    row = next;
  }
  return row[b.length]!;
}
