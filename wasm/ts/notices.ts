import { callable, show } from './check.js';
import type { BalancerEvent } from './event.js';
import type { EjectionReason, HeldBy } from './generated.js';
import type { Changes, Picker } from './picker.js';

/** What `on` tells. */
export interface LbEvents {
  /** An endpoint failed so often that it is left out, at least until then (in milliseconds of the clock). */
  readonly eject: { readonly url: string | undefined; readonly reason: EjectionReason; readonly until: number };
  /** It fails, and is not ejected; told where another rule keeps it than was told last. */
  readonly hold: { readonly url: string | undefined; readonly held: HeldBy };
  /** The next request goes to one whose ejection is over, and decides whether it comes back. */
  readonly probe: { readonly url: string | undefined };
  /** It takes requests again. */
  readonly restore: { readonly url: string | undefined };
  /** Ejections did harm, as this one fails since: they are undone, and until then at most half as many of its level are ejected, unless nobody of it is well and another level is. */
  readonly undo: { readonly url: string | undefined; readonly until: number };
  /** An attempt after the first was sent. */
  readonly retry: { readonly url: string; readonly attempt: number };
  /** An attempt was sent beside one that takes long. */
  readonly hedge: { readonly url: string; readonly attempt: number };
  /** The set of endpoints changed. */
  readonly update: Changes;
  /** The source gave a list, or failed. */
  readonly source: { readonly ok: true; readonly changes: Changes } | { readonly ok: false; readonly error: unknown };
}

/** What `onEvent` is told: the events of `on`, each with its name. */
export type LbEvent = { readonly [Name in keyof LbEvents]: { readonly type: Name } & LbEvents[Name] }[keyof LbEvents];

const NAMES = 'eject hold probe restore undo retry hedge update source'.split(' ') as readonly (keyof LbEvents)[];

/** Tells listeners. One that throws harms nobody else. */
export class Notices {
  readonly #listeners = new Map<keyof LbEvents, Set<(event: never) => void>>();

  constructor(
    readonly picker: Picker,
    readonly all: ((event: LbEvent) => void) | undefined,
  ) {}

  /** Whether anybody listens. */
  get heard(): boolean {
    return this.all !== undefined || this.#listeners.size > 0;
  }

  on<Name extends keyof LbEvents>(name: Name, listener: (event: LbEvents[Name]) => void): () => void {
    if (!NAMES.includes(name)) throw new TypeError(`there is no event ${show(name)}; there are ${NAMES.join(', ')}`);
    callable('listener', listener);
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    // A function of its own, so that one that is added twice is called twice, and ended one by one.
    const own = (event: LbEvents[Name]): void => listener(event);
    listeners.add(own);
    return () => listeners.delete(own);
  }

  tell<Name extends keyof LbEvents>(name: Name, event: LbEvents[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) guarded(() => listener(event as never));
    const { all } = this;
    if (all) guarded(() => all({ type: name, ...event } as unknown as LbEvent));
  }

  /** Tells what the core did since it was asked last; how many endpoints were found to fail, ejected or kept. */
  take(): number {
    let failing = 0;
    for (const event of this.picker.events()) {
      const { type, at: _, ...said } = event;
      if (type === 'ejected' || type === 'held') failing++;
      const name = TOLD[type];
      if (name) this.tell(name, said as LbEvents[typeof name]);
    }
    return failing;
  }
}

/** What is told of the core's events. Whoever comes back by an undo is readmitted. */
const TOLD: { readonly [Type in BalancerEvent['type']]?: keyof LbEvents } = { ejected: 'eject', held: 'hold', probing: 'probe', undone: 'undo', readmitted: 'restore' };

function guarded(tell: () => void): void {
  try {
    tell();
  } catch (error) {
    const { reportError } = globalThis as { reportError?: (error: unknown) => void };
    if (reportError) reportError(error);
    else console.error(error);
  }
}
