/** The package's entry everywhere but in Workers: the module is inlined, so that it starts without an asynchronous step. */
import { initSync } from './glue.js';
import { bytes } from './inlined.js';
import { length, text } from './lb.text.js';

initSync({ module: bytes(text, length) });

export * from './lib.js';
