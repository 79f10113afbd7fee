// The demo in Firefox as in Chromium: it draws, its figures are the same, and a click counts.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { serve } from '../demo/serve.mjs';
import { BROWSERS } from './browsers.mjs';

/** Plays a while, and clicks on a server. */
async function play(launch, url) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    const complaints = [];
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(`${url}#scene=servers&rate=1000&seed=7`);
    await page.waitForFunction('globalThis.demo?.cost().frames > 120');
    const { frames, passedMs, totalMs } = await page.evaluate('demo.cost()');
    const drawn = await page.evaluate(`(() => {
      const canvas = document.querySelector('canvas');
      return canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some((value) => value > 0);
    })()`);
    assert.ok(drawn);
    const run = await page.evaluate('(demo.pause(true), demo.runTo(20_000))');
    await page.click('button[aria-label^="Server B"]');
    const label = await page.evaluate('document.querySelector(\'button[aria-label^="Server B"]\').ariaLabel');
    assert.deepEqual(complaints, []);
    return { run, label, cost: `${Math.round((1000 * frames) / passedMs)} frames a second, ${(totalMs / frames).toFixed(2)} ms each` };
  } finally {
    await browser.close();
  }
}

const missing = Object.values(BROWSERS).map(([path]) => path).find((path) => !existsSync(path));

test('the demo in both browsers', { skip: missing && `${missing} is not installed` }, async (t) => {
  const { server, url } = await serve();
  t.after(() => (server.closeAllConnections(), server.close()));
  const played = {};
  for (const [name, [, launch]] of Object.entries(BROWSERS)) {
    played[name] = await play(launch, url);
    t.diagnostic(`${name}: ${played[name].cost}`);
  }
  assert.deepEqual(played.Firefox.run, played.Chromium.run);
  assert.deepEqual([played.Firefox.label, played.Chromium.label], ['Server B: slow ×10', 'Server B: slow ×10']);
});
