/** The package without its module: whoever loads `evenkeel/lb.wasm` calls `init` before anything else. */
export { start as init } from './start.js';
export * from './lib.js';
