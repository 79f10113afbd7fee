/** Checks of what comes from users: every message names the value and the limit. */

/** How `value` looks in a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

/** @throws {TypeError} which names the value and what it must be, if it is something else. */
export function must(holds: boolean, name: string, what: string, value: unknown): asserts holds {
  if (!holds) throw new TypeError(`${name} must be ${what}, not ${show(value)}`);
}

export function integer(name: string, value: unknown, min: number, max: number): number {
  return within(name, `an integer in ${min}..=${max}`, value, (value) => Number.isInteger(value) && value >= min && value <= max);
}

/** A number within limits. */
export function number(name: string, value: unknown, min: number, max: number): number {
  return within(name, `a number in ${min}..=${max}`, value, (value) => value >= min && value <= max);
}

function within(name: string, what: string, value: unknown, holds: (value: number) => boolean): number {
  must(typeof value === 'number', name, what, value);
  if (!holds(value)) throw new RangeError(`${name} must be ${what}, not ${value}`);
  return value;
}

/** An object with options. */
export function object<T>(name: string, value: T): T & object {
  must(typeof value === 'object' && value !== null, name, 'an object', value);
  return value;
}

/** Several URLs, or objects with URLs; one alone is none. */
export function iterable<T>(name: string, value: Iterable<T>): Iterable<T> {
  must(typeof value !== 'string' && typeof value?.[Symbol.iterator] === 'function', name, 'an iterable of URLs', value);
  return value;
}

/** A duration that must take some time. */
export function positive(name: string, value: unknown): number {
  // Less than half a nanosecond is none.
  return within(name, 'a finite number of milliseconds above 0', value, (value) => value * 2e6 >= 1 && value < Infinity);
}

/** A duration that may be nothing. */
export function duration(name: string, value: unknown): number {
  return within(name, 'a finite number of milliseconds, 0 or more', value, (value) => value >= 0 && value < Infinity);
}

/** A reading of the caller's clock, in milliseconds: any number, since clocks may jump. */
export function time(value: unknown): number {
  return within('now', 'a number of milliseconds', value, (value) => !Number.isNaN(value));
}

/** The text of an absolute URL, as given: `host:port` would parse as a URL of scheme `host:`, so `//` is asked for. */
export function url(name: string, value: unknown): string {
  const text = typeof value === 'string' || value instanceof URL ? String(value) : value;
  const holds = typeof text === 'string' && /^[a-z][a-z0-9+.-]*:\/\/[^\x00-\x1f]*$/i.test(text) && parses(text);
  must(holds, name, 'an absolute URL such as "https://a.example"', text);
  return text;
}

/** Whether it is a URL; older browsers have no `URL.canParse`. */
export function parses(text: string): boolean {
  try {
    return new URL(text) instanceof URL;
  } catch {
    return false;
  }
}

export function text(name: string, value: unknown): string {
  must(typeof value === 'string', name, 'a string', value);
  return value;
}

/** Of any realm: Deno's, a page's frames'. */
export function signal(name: string, value: unknown): void {
  must(typeof value === 'object' && value !== null && 'aborted' in value && 'addEventListener' in value, name, 'an AbortSignal', value);
}

export function flag(name: string, value: unknown): boolean {
  must(typeof value === 'boolean', name, 'true or false', value);
  return value;
}

/** 64 bits, as two numbers of 32. */
export type Bits = [hi: number, lo: number];

/** A request's key: what is hashed, or a hash of 64 bits. */
export function key(value: unknown): string | Bits {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value))) return String(value);
  must(typeof value === 'object' && value !== null && 'hash' in value, 'key', 'a string, a finite number, a bigint or { hash }', value);
  return bits('key.hash', value.hash);
}

/** A list, of which every item is to be checked. */
export function list(name: string, value: unknown): unknown[] {
  must(Array.isArray(value), name, 'an array', value);
  return value;
}

export function seed(value: unknown): Bits {
  return bits('seed', value);
}

function bits(name: string, value: unknown): Bits {
  const what = 'an integer in 0..=2^53-1, or a bigint in 0..=2^64-1';
  must(typeof value === 'number' || typeof value === 'bigint', name, what, value);
  if (typeof value === 'bigint' ? BigInt.asUintN(64, value) !== value : !(Number.isSafeInteger(value) && value >= 0)) {
    throw new RangeError(`${name} must be ${what}, not ${value}`);
  }
  return halves(BigInt(value));
}

/** 64 bits as two numbers. */
export function halves(bits: bigint): Bits {
  return [Number(bits >> 32n), Number(bits & 0xffff_ffffn)];
}

export function callable(name: string, value: unknown): void {
  must(typeof value === 'function', name, 'a function', value);
}
