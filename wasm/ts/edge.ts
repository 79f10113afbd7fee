/** The package's entry in Vercel's edge runtime, which compiles a module only when it is imported in this way. */
import module from './lb.wasm?module';
import { FULL } from './full.js';
import { start } from './start.js';

// Next's server hands over a module of another realm, which does not look like one of this.
if (!(module instanceof WebAssembly.Module)) Object.setPrototypeOf(module, WebAssembly.Module.prototype);
start(module, FULL);

export * from './lib.js';
