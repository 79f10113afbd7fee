/** The package without its module: whoever loads `evenkeel/lb.wasm` calls `init` before anything else. */
import { FULL } from './full.js';
import { start } from './start.js';

/** Starts the module, from its bytes or compiled. */
export function init(module: WebAssembly.Module | BufferSource): void {
  start(module, FULL);
}

export * from './lib.js';
