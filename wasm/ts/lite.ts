/** The package's small entry: a few policies, default settings, no state. */
import { FEW } from './few.js';
import { bytes } from './inlined.js';
import { swaps, text } from './lite.text.js';
import { tryStart } from './start.js';

tryStart(() => bytes(text, swaps), FEW);

export * from './lib.js';
