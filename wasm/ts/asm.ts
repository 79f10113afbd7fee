/** The package's entry where WebAssembly is forbidden: the module is JavaScript, which is larger and slower. */
import * as module from './asm.module.js';
import { FULL } from './full.js';
import { startAs } from './start.js';

startAs(module, FULL);

export * from './lib.js';
