/** The package's entry in Workers, which compile a module only when it is imported as a file. */
import { initSync } from './glue.js';
import module from './lb.wasm';

initSync({ module });

export * from './lib.js';
