/** The package's entry in Workers, which compile a module only when it is imported as a file. */
import module from './lb.wasm';
import { start } from './start.js';

start(module);

export * from './lib.js';
