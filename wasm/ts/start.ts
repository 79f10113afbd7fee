import { initSync } from './glue.js';
import { use } from './memory.js';
import type { Parts } from './parts.js';

/** Why nothing can be made yet, if so. */
let hindrance: { readonly text: string; readonly cause?: unknown } | undefined = { text: 'evenkeel is not started: call init of evenkeel/slim first' };

let parts: Parts | undefined;

/** Starts the module, from its bytes or compiled, which has these parts. */
export function start(module: WebAssembly.Module | BufferSource, its: Parts): void {
  use(initSync({ module }).memory);
  parts = its;
  hindrance = undefined;
}

/** Starts it where that may be forbidden: who imports the package learns of it when it is used, and not before. */
export function tryStart(module: () => WebAssembly.Module | BufferSource, its: Parts): void {
  try {
    start(module(), its);
  } catch (cause) {
    hindrance = { text: "evenkeel cannot start its WebAssembly: a Content-Security-Policy must allow 'wasm-unsafe-eval'", cause };
  }
}

/**
 * What the module has.
 *
 * @throws {Error} if it did not start.
 */
export function started(): Parts {
  if (parts && !hindrance) return parts;
  throw new Error(hindrance?.text, { cause: hindrance?.cause });
}
