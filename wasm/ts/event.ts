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
  /** It fails, and is not ejected; told where another rule keeps it than was told last. */
  | { readonly type: 'held'; readonly at: number; readonly url: string | undefined; readonly held: HeldBy }
  /**
   * Ejections did harm, as this one fails since: those that may be missed come back, and until then at most half as many of its level
   * are ejected, unless nobody of it is well and another level is.
   */
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

/** How often each event was told: ejections by their reason, and failing endpoints that were kept by the rule that keeps them. */
export type EventCounts = Readonly<Record<Exclude<EventKind, 'ejected' | 'held'>, number>> & {
  readonly ejected: Readonly<Record<EjectionReason, number>>;
  readonly held: Readonly<Record<HeldBy, number>>;
  /** Picks that nobody reported, and that were garbage. */
  readonly dropped: number;
};

/** The most events that wait to be taken. */
const MOST = 256;

/** Keeps events for their user, and counts all there were. */
export class EventLog {
  #waiting: BalancerEvent[] = [];
  readonly #counts = {
    ...zeros(EVENTS),
    ejected: zeros(REASONS),
    held: zeros(HELD),
  };

  push(news: BalancerEvent[]): void {
    const counts = this.#counts;
    for (const event of news) {
      if (event.type === 'ejected') counts.ejected[event.reason]++;
      else if (event.type === 'held') counts.held[event.held]++;
      else counts[event.type] += event.type === 'lost' ? event.count : 1;
    }
    this.#waiting.push(...news);
    const dropped = this.#waiting.splice(0, this.#waiting.length - MOST);
    const count = dropped.reduce((sum, event) => sum + (event.type === 'lost' ? event.count : 1), 0);
    const [oldest] = this.#waiting;
    if (count > 0 && oldest) this.#waiting.unshift({ type: 'lost', at: oldest.at, count });
  }

  take(): BalancerEvent[] {
    return this.#waiting.splice(0);
  }

  counts(): Omit<EventCounts, 'dropped'> {
    return structuredClone(this.#counts);
  }
}

function zeros<Name extends string>(names: readonly Name[]): Record<Name, number> {
  return Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;
}

/** Reads the rows of the module: what is not there is left out. */
export function events(numbers: Float64Array, url: (index: number) => string): BalancerEvent[] {
  return rows(EVENT_COLUMNS, numbers).map(({ type, at, index, until, detail }) => {
    const kind = EVENTS[type];
    const event: Record<string, unknown> = { type: kind, at };
    if (index >= 0) event['url'] = url(index);
    if (kind === 'ejected') event['reason'] = REASONS[detail];
    if (kind === 'held') event['held'] = HELD[detail];
    if (kind === 'lost') event['count'] = detail;
    if (until < Infinity) event['until'] = until;
    return event as BalancerEvent;
  });
}
