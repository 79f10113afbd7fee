/** The package's entry in Workers, which compile a module only when it is imported as a file. */
import module from './lb.wasm';
import { FULL } from './full.js';
import { start } from './start.js';

start(module, FULL);

export * from './lib.js';
