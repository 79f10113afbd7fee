/** How an endpoint is doing; `half_open`: the next request decides whether it comes back, `probing`: one under way does. */
export type Health = 'healthy' | 'ejected' | 'half_open' | 'probing' | 'overloaded' | 'down';

/** Why an endpoint was ejected. */
export type EjectionReason = 'consecutive_failures' | 'failure_percentage' | 'success_rate' | 'probe_failed' | 'probe_timed_out';

/**
 * Why an endpoint may be picked, or may not: it is a candidate, one for want of better ones, or from the next pick on
 * (`pending`); or it has weight 0, drains, its health is bad, or a better priority, the subset or other zones leave it out.
 */
export type Candidacy =
  | 'candidate'
  | 'panic'
  | 'no_weight'
  | 'draining'
  | 'unhealthy'
  | 'priority'
  | 'subset'
  | 'zone'
  | 'pending';

/** An endpoint and what is known of it. What reports changed of its health counts from the next pick on. */
export interface EndpointInfo {
  readonly url: string;
  readonly index: number;
  readonly weight: number;
  readonly priority: number;
  readonly zone: string | undefined;
  readonly draining: boolean;
  /** Whether it may be picked. */
  readonly candidate: boolean;
  /** Why, or why not. */
  readonly candidacy: Candidacy;
  /** Its weight among the candidates, in tenths while any of them warms up (`slowStartMs`); 0 if it is none. */
  readonly currentWeight: number;
  readonly health: Health;
  /** Why it was ejected, while it is. */
  readonly reason: EjectionReason | undefined;
  /** Until when it is `ejected` or `overloaded`, or `probing` has failed; in milliseconds of the balancer's clock. */
  readonly until: number | undefined;
  /** How long it takes to answer, as of its last report; unknown unless the policy looks at it (`peak_ewma`). */
  readonly latencyMs: number | undefined;
  /** Requests under way, if the policy counts them (`least_request`, `peak_ewma`, bounded `rendezvous`); otherwise 0. */
  readonly inFlight: number;
  readonly successes: number;
  readonly failures: number;
  readonly canceled: number;
}

/** Reads the rows of the wasm side. */
export function endpoints(urls: string[], rows: Float64Array, zoneName: (number: number) => string | undefined): EndpointInfo[] {
  return urls.map((url, place) => {
    const at = (column: number): number => rows[place * COLUMNS + column]!;
    const health = HEALTH[at(7)]!;
    return {
      url,
      index: at(0),
      weight: at(1),
      priority: at(2),
      zone: zoneName(at(3)),
      draining: at(4) === 1,
      candidate: at(5) <= 1,
      candidacy: CANDIDACY[at(5)]!,
      currentWeight: at(6),
      health,
      reason: health === 'ejected' ? REASONS[at(9)] : undefined,
      until: finite(at(8)),
      latencyMs: at(10) || undefined,
      inFlight: at(11),
      successes: at(12),
      failures: at(13),
      canceled: at(14),
    };
  });
}

export function finite(until: number): number | undefined {
  return until < Infinity ? until : undefined;
}

const COLUMNS = 15;

const HEALTH: readonly Health[] = ['healthy', 'ejected', 'half_open', 'probing', 'overloaded', 'down'];

const CANDIDACY: readonly Candidacy[] = [
  'candidate',
  'panic',
  'no_weight',
  'draining',
  'unhealthy',
  'priority',
  'subset',
  'zone',
  'pending',
];

export const REASONS: readonly EjectionReason[] = [
  'consecutive_failures',
  'failure_percentage',
  'success_rate',
  'probe_failed',
  'probe_timed_out',
];
