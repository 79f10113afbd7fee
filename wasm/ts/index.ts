/** The package's entry everywhere but in Workers: the module is inlined, so that it starts without an asynchronous step. */
import { initSync } from './glue.js';
import base64 from './lb.base64.js';

initSync({ module: Uint8Array.from(atob(base64), (char) => char.charCodeAt(0)) });

export * from './lib.js';
