import { throwFault } from './fault.js';
import type { Parts } from './parts.js';
import { parse } from './policy.js';
import { checkGroup, OPTIONS, pairs } from './settings.js';
import { exportState, importState } from './state.js';

/** All that there is. */
export const FULL: Parts = { options: OPTIONS, checkGroup, policy: parse, settings: pairs, throwFault, exportState, importState };
