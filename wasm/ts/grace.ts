import type { EndpointSpec } from './picker.js';

/** An endpoint whose URL has one spelling. */
export type Spelled = string | URL | Exclude<EndpointSpec, string | URL>;

interface Known {
  readonly spec: Spelled;
  /** Since when it is missing, if it is. */
  readonly since?: number;
}

/** Keeps endpoints that a source does not name any more: they drain for a while, and one that comes back in that time is the same. */
export class Grace {
  #known = new Map<string, Known>();

  constructor(readonly graceMs: number) {}

  /** The list with those that are missing, but not for long yet. */
  add(list: readonly Spelled[], now: number): Spelled[] {
    const next = new Map<string, Known>(list.map((spec) => [urlOf(spec), { spec }]));
    const all = [...list];
    for (const [url, { spec, since = now }] of this.#known) {
      if (next.has(url) || now - since >= this.graceMs) continue;
      next.set(url, { spec, since });
      all.push({ ...(isPlain(spec) ? { url: spec } : spec), draining: true });
    }
    this.#known = next;
    return all;
  }

  /** Somebody else says what there is. */
  forget(): void {
    this.#known.clear();
  }

  /** The source fails: that time does not count. */
  restart(): void {
    for (const [url, { spec }] of this.#known) this.#known.set(url, { spec });
  }
}

function urlOf(spec: Spelled): string {
  return String(isPlain(spec) ? spec : spec.url);
}

function isPlain(spec: Spelled): spec is string | URL {
  return typeof spec === 'string' || spec instanceof URL;
}
