// One bad upstream of four: with the defaults, no request sees it, and it is asked a few times only. The table with answer times beside
// undici's pools is `node bench/upstreams.mjs`.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FAULTS, ours, run } from './upstreams.mjs';

for (const fault of Object.keys(FAULTS)) {
  test(`one of four: ${fault}`, async () => {
    const { hits, errors } = await run(fault, ours);
    assert.equal(errors, 0);
    assert.ok(hits <= 5, `${hits} hits`);
  });
}
