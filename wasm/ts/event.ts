import { EVENTS, EVENT_COLUMNS, HELD, REASONS, type EjectionReason, type EventKind, type HeldBy } from './generated.js';
import { rows } from './status.js';

/** Something that changed, in the order in which it did; `at` is in milliseconds of the balancer's clock. */
export type BalancerEvent =
  | {
      readonly type: 'ejected';
      readonly at: number;
      /** Unknown if another endpoint has its slot by now. */
      readonly url: string | undefined;
      readonly reason: EjectionReason;
      /** Until when at least. */
      readonly until: number;
    }
  /** It fails, and is not ejected; told once for each rule that keeps it. */
  | { readonly type: 'held'; readonly at: number; readonly url: string | undefined; readonly held: HeldBy }
  /** Ejections did harm: all of its level come back, and none is ejected until then, unless another level is well. */
  | { readonly type: 'undone'; readonly at: number; readonly url: string | undefined; readonly until: number }
  /** It asked to be left alone. */
  | { readonly type: 'overloaded'; readonly at: number; readonly url: string | undefined; readonly until: number }
  /** So few endpoints are available that others are used, too; or enough again. */
  | { readonly type: 'panic_on' | 'panic_off'; readonly at: number }
  /** So many events before were dropped, as nobody took them. */
  | { readonly type: 'lost'; readonly at: number; readonly count: number }
  /** It came, left, was probed, takes requests again, or was set down. */
  | {
      readonly type: Exclude<EventKind, 'ejected' | 'held' | 'undone' | 'overloaded' | 'panic_on' | 'panic_off' | 'lost'>;
      readonly at: number;
      readonly url: string | undefined;
    };

/** Reads the rows of the wasm side: what is not there is left out. */
export function events(numbers: Float64Array, url: (index: number) => string): BalancerEvent[] {
  return rows(EVENT_COLUMNS, numbers).map(({ type, at, index, known, until, reason, held, count }) => {
    const event: Record<string, unknown> = { type: EVENTS[type], at };
    if (index >= 0) event['url'] = known ? url(index) : undefined;
    if (reason >= 0) event['reason'] = REASONS[reason];
    if (held >= 0) event['held'] = HELD[held];
    if (until < Infinity) event['until'] = until;
    if (count >= 0) event['count'] = count;
    return event as BalancerEvent;
  });
}
