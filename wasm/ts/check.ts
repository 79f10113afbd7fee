/** Checks of what comes from users: every message names the value and the limit. */

/** How `value` looks in a message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'function') return 'a function';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

export function integer(name: string, value: unknown, min: number, max: number): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be an integer in ${min}..=${max}, not ${show(value)}`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer in ${min}..=${max}, not ${value}`);
  }
  return value;
}

/** A number within limits. */
export function number(name: string, value: unknown, min: number, max: number): number {
  const limit = `${name} must be a number in ${min}..=${max}`;
  if (typeof value !== 'number') throw new TypeError(`${limit}, not ${show(value)}`);
  if (!(value >= min && value <= max)) throw new RangeError(`${limit}, not ${value}`);
  return value;
}

/** An object with options. */
export function object<T>(name: string, value: T): T & object {
  if (typeof value !== 'object' || value === null) throw new TypeError(`${name} must be an object, not ${show(value)}`);
  return value;
}

/** Several URLs, or objects with URLs; one alone is none. */
export function iterable<T>(name: string, value: Iterable<T>): Iterable<T> {
  if (typeof value !== 'string' && typeof value?.[Symbol.iterator] === 'function') return value;
  throw new TypeError(`${name} must be an iterable of URLs, not ${show(value)}`);
}

/** A duration that must take some time. */
export function positive(name: string, value: unknown): number {
  const limit = `${name} must be a finite number of milliseconds above 0`;
  if (typeof value !== 'number') throw new TypeError(`${limit}, not ${show(value)}`);
  // Less than half a nanosecond is none.
  if (!(value * 2e6 >= 1 && value < Infinity)) throw new RangeError(`${limit}, not ${value}`);
  return value;
}

/** A duration that may be nothing. */
export function duration(name: string, value: unknown): number {
  const limit = `${name} must be a finite number of milliseconds, 0 or more`;
  if (typeof value !== 'number') throw new TypeError(`${limit}, not ${show(value)}`);
  if (!(value >= 0 && value < Infinity)) throw new RangeError(`${limit}, not ${value}`);
  return value;
}

/** A reading of the caller's clock, in milliseconds: any number, since clocks may jump. */
export function time(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError(`now must be a number of milliseconds, not ${show(value)}`);
  if (Number.isNaN(value)) throw new RangeError('now must be a number of milliseconds, not NaN');
  return value;
}

/** The text of an absolute URL, as given: `host:port` would parse as a URL of scheme `host:`, so `//` is asked for. */
export function url(name: string, value: unknown): string {
  const limit = `${name} must be an absolute URL such as "https://a.example"`;
  if (typeof value !== 'string' && !(value instanceof URL)) throw new TypeError(`${limit}, not ${show(value)}`);
  const text = String(value);
  if (!/^[a-z][a-z0-9+.-]*:\/\/[^\x00-\x1f]*$/i.test(text) || !parses(text)) throw new TypeError(`${limit}, not ${show(text)}`);
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
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string, not ${show(value)}`);
  return value;
}

/** Of any realm: Deno's, a page's frames'. */
export function signal(name: string, value: unknown): void {
  if (typeof value !== 'object' || value === null || !('aborted' in value) || !('addEventListener' in value)) {
    throw new TypeError(`${name} must be an AbortSignal, not ${show(value)}`);
  }
}

export function flag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false, not ${show(value)}`);
  return value;
}

/** 64 bits, as two numbers of 32. */
export type Bits = [hi: number, lo: number];

/** A request's key: what is hashed, or a hash of 64 bits. */
export function key(value: unknown): string | Bits {
  if (typeof value === 'string') return value;
  if (typeof value === 'bigint' || (typeof value === 'number' && Number.isFinite(value))) return String(value);
  if (typeof value !== 'object' || value === null || !('hash' in value)) {
    throw new TypeError(`key must be a string, a finite number, a bigint or { hash }, not ${show(value)}`);
  }
  return bits('key.hash must be an', value.hash);
}

/** A list, of which every item is to be checked. */
export function list(name: string, value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new TypeError(`${name} must be an array, not ${show(value)}`);
  return value;
}

export function seed(value: unknown): Bits {
  return bits('seed must be an', value);
}

function bits(name: string, value: unknown): Bits {
  const limit = `${name} integer in 0..=2^53-1, or a bigint in 0..=2^64-1`;
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new TypeError(`${limit}, not ${show(value)}`);
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new RangeError(`${limit}, not ${value}`);
  const bits = BigInt(value);
  if (BigInt.asUintN(64, bits) !== bits) throw new RangeError(`${limit}, not ${value}`);
  return halves(bits);
}

/** 64 bits as two numbers. */
export function halves(bits: bigint): Bits {
  return [Number(bits >> 32n), Number(bits & 0xffff_ffffn)];
}
