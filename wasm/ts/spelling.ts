import { show } from './check.js';

/** Refuses an option that is not known, and names the nearest one. */
export function known<T extends object>(what: string, given: T, names: readonly string[]): T {
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    const [least, near] = nearest(name, names);
    const advice = least > Math.max(2, name.length / 3) ? `known are ${names.join(', ')}` : `did you mean ${near}?`;
    throw new TypeError(`${what} has no ${show(name)}; ${advice}`);
  }
  return given;
}

/** Refuses what is nearly one of the names, but hands on all else: platforms have options of their own. */
export function unmistaken<T extends object>(what: string, given: T, names: readonly string[]): T {
  for (const name of Object.keys(given)) {
    if (SEEN.has(name)) continue;
    const [least, near] = nearest(name, names);
    if (least <= Math.min(2, near.length - 2)) throw new TypeError(`${what} has no ${show(name)}; did you mean ${near}?`);
    SEEN.add(name);
  }
  return given;
}

/** Those that were found to be others; node-fetch's and Bun's `timeout` to begin with. */
const SEEN = new Set(['timeout']);

/** How far it is to the nearest name, and that. */
function nearest(name: string, names: readonly string[]): readonly [distance: number, name: string] {
  const lower = name.toLowerCase();
  const near = names.map((other) => [distance(lower, other.toLowerCase()), other] as const);
  return near.reduce((a, b) => (b[0] < a[0] ? b : a));
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
