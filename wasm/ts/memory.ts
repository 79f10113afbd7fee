/** The module's memory: what does not fit into the numbers of a call lies there. */
import { numbers, room, written } from './glue.js';

let memory: WebAssembly.Memory | undefined;

/** Takes the memory of the module that was started. */
export function use(started: WebAssembly.Memory): void {
  memory = started;
}

/** Writes what the next call reads. */
export function write(bytes: Uint8Array): void {
  const at = room(bytes.length) >>> 0;
  // A look at the buffer before would be one at what it was before it grew.
  new Uint8Array(memory!.buffer, at, bytes.length).set(bytes);
}

export function writeText(text: string): void {
  write(ENCODER.encode(text));
}

/** The bytes that the last call wrote, as a copy. */
export function readBytes(length: number): Uint8Array {
  return new Uint8Array(memory!.buffer, written() >>> 0, length).slice();
}

/** The numbers that the last call wrote, as a copy. */
export function readNumbers(length: number): Float64Array {
  return new Float64Array(memory!.buffer, numbers() >>> 0, length).slice();
}

const ENCODER = new TextEncoder();
