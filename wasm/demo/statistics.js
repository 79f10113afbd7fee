/** Counts for the last seconds how long calls took, how many failed, and where attempts went. */

const SLOT_MS = 500;
const SLOTS = 20;
/** Shares are of fewer, so that they follow what happens. */
const SHARE_SLOTS = 6;
/** Sixteen classes for each doubling of the time; a percentile is the longest time of its class. */
const PER_DOUBLING = 16;
const CLASSES = 17 * PER_DOUBLING;

export class Statistics {
  calls = 0;
  errors = 0;
  attempts = 0;
  #slots;

  constructor(endpoints) {
    this.#slots = Array.from({ length: SLOTS }, () => ({
      number: -1,
      calls: 0,
      errors: 0,
      limited: 0,
      times: new Uint32Array(CLASSES),
      longest: new Float64Array(CLASSES),
      sent: new Uint32Array(endpoints),
    }));
  }

  sent(now, endpoint) {
    this.attempts++;
    this.#slot(now).sent[endpoint]++;
  }

  /** An attempt was answered by 429. */
  limited(now) {
    this.#slot(now).limited++;
  }

  ended(now, tookMs, good) {
    const slot = this.#slot(now);
    this.calls++;
    slot.calls++;
    if (!good) this.errors++, slot.errors++;
    const at = Math.min(CLASSES - 1, Math.round(Math.log2(1 + tookMs) * PER_DOUBLING));
    slot.times[at]++;
    slot.longest[at] = Math.max(slot.longest[at], tookMs);
  }

  /** Sums up the last ten seconds; shares and attempts a second are of the last three. */
  summary(now) {
    const last = (slots) => this.#slots.filter(({ number }) => number >= 0 && number > now / SLOT_MS - slots);
    const [recent, latest] = [last(SLOTS), last(SHARE_SLOTS)];
    const sum = (of, slots = recent) => slots.reduce((total, slot) => total + of(slot), 0);
    const calls = sum((slot) => slot.calls);
    const sent = sum((slot) => slot.sent.reduce((total, count) => total + count, 0), latest);
    const covered = (now - Math.max(0, (Math.floor(now / SLOT_MS - SHARE_SLOTS) + 1) * SLOT_MS)) / 1000;
    return {
      calls,
      errors: sum((slot) => slot.errors),
      p50: percentile(recent, calls, 0.5),
      p99: percentile(recent, calls, 0.99),
      shares: Array.from(this.#slots[0].sent, (_, place) => (sent === 0 ? 0 : sum((slot) => slot.sent[place], latest) / sent)),
      perSecond: covered === 0 ? 0 : sent / covered,
      limitedPerSecond: covered === 0 ? 0 : sum((slot) => slot.limited, latest) / covered,
    };
  }

  #slot(now) {
    const number = Math.floor(now / SLOT_MS);
    const slot = this.#slots[number % SLOTS];
    if (slot.number !== number) {
      Object.assign(slot, { number, calls: 0, errors: 0, limited: 0 });
      slot.times.fill(0);
      slot.longest.fill(0);
      slot.sent.fill(0);
    }
    return slot;
  }
}

/** The time that so many calls did not take longer than; unknown without calls. */
function percentile(slots, calls, part) {
  if (calls === 0) return undefined;
  let left = Math.ceil(calls * part);
  for (let at = 0; at < CLASSES; at++) {
    for (const { times } of slots) left -= times[at];
    if (left <= 0) return Math.round(Math.max(...slots.map(({ longest }) => longest[at])));
  }
  return undefined;
}
