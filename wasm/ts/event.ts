import { REASONS, type EjectionReason } from './status.js';

/** Something that changed, in the order in which it did; `at` is in milliseconds of the balancer's clock. */
export type BalancerEvent =
  /** It came, left, was probed, takes requests again, or was set down. */
  | { readonly type: 'added' | 'removed' | 'probing' | 'readmitted' | 'down'; readonly at: number; readonly url: string | undefined }
  | {
      readonly type: 'ejected';
      readonly at: number;
      readonly url: string | undefined;
      readonly reason: EjectionReason;
      /** Until when at least. */
      readonly until: number;
    }
  /** It asked to be left alone. */
  | { readonly type: 'overloaded'; readonly at: number; readonly url: string | undefined; readonly until: number }
  /** So few endpoints are available that others are used, too; or enough again. */
  | { readonly type: 'panic_on' | 'panic_off'; readonly at: number }
  /** So many events before were dropped, as nobody took them. */
  | { readonly type: 'lost'; readonly at: number; readonly count: number };

/** Reads the rows of the wasm side. */
export function events(urls: string[], rows: Float64Array): BalancerEvent[] {
  return urls.map((text, place): BalancerEvent => {
    const [kind = 0, at = 0, until = 0, detail = 0] = rows.subarray(place * 4, place * 4 + 4);
    const type = TYPES[kind]!;
    // Empty if another endpoint has its slot by now.
    const url = text === '' ? undefined : text;
    switch (type) {
      case 'ejected':
        return { type, at, url, reason: REASONS[detail]!, until };
      case 'overloaded':
        return { type, at, url, until };
      case 'panic_on':
      case 'panic_off':
        return { type, at };
      case 'lost':
        return { type, at, count: detail };
      default:
        return { type, at, url };
    }
  });
}

const TYPES = [
  'added',
  'removed',
  'ejected',
  'probing',
  'readmitted',
  'overloaded',
  'down',
  'panic_on',
  'panic_off',
  'lost',
] as const satisfies readonly BalancerEvent['type'][];
