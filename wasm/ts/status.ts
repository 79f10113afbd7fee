import { CANDIDACIES, ENDPOINT_COLUMNS, HEALTHS, HELD, REASONS } from './generated.js';
import type { Candidacy, EjectionReason, Health, HeldBy } from './generated.js';

export type { Candidacy, EjectionReason, Health, HeldBy } from './generated.js';

/** An endpoint and what is known of it. */
export interface EndpointInfo {
  readonly url: string;
  readonly index: number;
  readonly weight: number;
  readonly priority: number;
  readonly zone: string | undefined;
  readonly draining: boolean;
  /** Whether it may be picked. */
  readonly candidate: boolean;
  /**
   * Why, or why not: it is a candidate, or one for want of better ones (`panic`); or it has as many requests in flight as it
   * may have (`full`), weight 0, drains, its health is bad, or a better priority, the subset or other zones leave it out.
   */
  readonly candidacy: Candidacy;
  /** Its weight among the candidates, in tenths while any of them warms up (`slowStartMs`); 0 if it is none. */
  readonly currentWeight: number;
  /** How it is doing; `half_open`: the next request decides whether it comes back, `probing`: one under way does. */
  readonly health: Health;
  /** Why it was ejected, while it is. */
  readonly reason: EjectionReason | undefined;
  /** Why it is not ejected, though it fails. */
  readonly held: HeldBy | undefined;
  /** Until when it is `ejected` or `overloaded`, or `probing` has failed; in milliseconds of the balancer's clock. */
  readonly until: number | undefined;
  /**
   * Until when its priority is calm: ejections of it were undone, and at most half as many of it are ejected before, unless
   * nobody of it is well and another priority is.
   * As of what was told last, in milliseconds of the balancer's clock.
   */
  readonly calmUntil: number | undefined;
  /** How long it takes to answer, as of its last report; unknown before the first. */
  readonly latencyMs: number | undefined;
  /** Requests under way. */
  readonly inFlight: number;
  readonly successes: number;
  readonly failures: number;
  readonly canceled: number;
}

/** Reads the rows of the module. */
export function endpoints(url: (index: number) => string, numbers: Float64Array, zoneName: (number: number) => string | undefined): EndpointInfo[] {
  return rows(ENDPOINT_COLUMNS, numbers).map(({ zone, draining, candidate, candidacy, health, reason, until, calmUntil, held, latency, ...row }) => ({
    url: url(row.index),
    ...row,
    zone: zoneName(zone),
    draining: draining === 1,
    candidate: candidate === 1,
    candidacy: CANDIDACIES[candidacy]!,
    health: HEALTHS[health]!,
    reason: REASONS[reason],
    held: HELD[held],
    until: until < Infinity ? until : undefined,
    calmUntil: calmUntil < Infinity ? calmUntil : undefined,
    latencyMs: latency || undefined,
  }));
}

/** Gives the numbers of each row their names. */
export function rows<Name extends string>(names: readonly Name[], numbers: Float64Array): Record<Name, number>[] {
  return Array.from({ length: numbers.length / names.length }, (_, row) =>
    Object.fromEntries(names.map((name, column) => [name, numbers[row * names.length + column]])) as Record<Name, number>,
  );
}
