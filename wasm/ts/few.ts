import { show } from './check.js';
import { FEW_POLICIES } from './generated.js';
import type { Parts } from './parts.js';

/** A few policies and the default settings. */
export const FEW: Parts = {
  options: ['eject'],
  checkGroup() {},
  policy(text) {
    const index = FEW_POLICIES.findIndex((name) => name === text);
    if (index >= 0) return [index];
    throw new RangeError(`evenkeel/lite has the policies ${FEW_POLICIES.join(', ')}, not ${show(text)}; import "evenkeel" for all`);
  },
  settings(config) {
    const given = Object.entries(config).find(([, value]) => value !== undefined);
    if (!given) return [];
    throw new RangeError(`evenkeel/lite has the default settings, and takes no ${given[0].replace('outlierDetection', 'eject')}; import "evenkeel" for it`);
  },
  throwFault() {},
  exportState: stateless,
  importState: stateless,
};

function stateless(): never {
  throw new Error('evenkeel/lite keeps no state; import "evenkeel" for it');
}
