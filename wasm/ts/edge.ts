/** The package's entry in Vercel's edge runtime, which compiles a module only when it is imported in this way. */
import module from './lb.wasm?module';
import { start } from './start.js';

start(module);

export * from './lib.js';
