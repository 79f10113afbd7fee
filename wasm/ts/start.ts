import { initSync } from './glue.js';
import { use } from './memory.js';

/** Why nothing can be made yet, if so. */
let hindrance: { readonly text: string; readonly cause?: unknown } | undefined = { text: 'evenkeel is not started: call init of evenkeel/slim first' };

/** Starts the module, from its bytes or compiled. */
export function start(module: WebAssembly.Module | BufferSource): void {
  use(initSync({ module }).memory);
  hindrance = undefined;
}

/** Starts it where that may be forbidden: who imports the package learns of it when it is used, and not before. */
export function tryStart(module: () => WebAssembly.Module | BufferSource): void {
  try {
    start(module());
  } catch (cause) {
    hindrance = { text: "evenkeel cannot start its WebAssembly: a Content-Security-Policy must allow 'wasm-unsafe-eval'", cause };
  }
}

/** @throws {Error} if the module did not start. */
export function started(): void {
  if (hindrance) throw new Error(hindrance.text, { cause: hindrance.cause });
}
