/** The package's entry everywhere but in Workers: the module is inlined, so that it starts without an asynchronous step. */
import { FULL } from './full.js';
import { bytes } from './inlined.js';
import { swaps, text } from './lb.text.js';
import { tryStart } from './start.js';

tryStart(() => bytes(text, swaps), FULL);

export * from './lib.js';
