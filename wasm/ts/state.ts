import { throwFault } from './fault.js';
import { export_state, import_state } from './glue.js';
import { readBytes, readNumbers, write } from './memory.js';
import type { Imported } from './parts.js';

/** What was learned, as a text. */
export function exportState(balancer: number, now: number): string {
  return encode(readBytes(export_state(balancer, now)));
}

/** @throws {RangeError} if the text is no state, or one that cannot be used. */
export function importState(balancer: number, now: number, text: string, ageMs: number): Imported {
  write(decode(text));
  if (import_state(balancer, now, ageMs)) {
    const [endpoints = 0, kept = 0, unknown = 0] = readNumbers(3);
    return { endpoints, kept, unknown };
  }
  throwFault(balancer, 'state');
  throw new RangeError('the text is not what a balancer of this version exports');
}

/** Bytes as text that fits everywhere: base64 for URLs, without padding. */
function encode(bytes: Uint8Array): string {
  const text = btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(''));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}

/** @throws {RangeError} if the text has other characters. */
function decode(text: string): Uint8Array {
  if (!/^[\w-]*$/.test(text) || text.length % 4 === 1) throw new RangeError('the text is not what a balancer exports');
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
}
