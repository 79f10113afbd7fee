// The demo in Chromium: what a viewer does, what the figures say, and that an address gives the same run. Figures are of simulated time.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { serve } from '../demo/serve.mjs';
import { act, format, parse } from '../demo/state.js';

const CHROMIUM = '/usr/bin/chromium';
const PICTURE = fileURLToPath(new URL('../demo/screenshot.png', import.meta.url));
const FLAGS = ['sandbox', 'first-run'].map((name) => `--no-${name}`);
const OFF = ['gpu', 'quic', 'background-networking', 'component-update', 'sync'].map((name) => `--disable-${name}`);

let served;
before(async () => {
  served = await serve();
});
after(() => served.server.close());

test('the server shows the demo and the package, and nothing else', async () => {
  const status = async (path) => (await fetch(new URL(path, served.url), { redirect: 'manual' })).status;
  assert.equal(await status('/'), 302);
  for (const path of ['/demo/', '/demo/main.js', '/pkg/index.js']) assert.equal(await status(path), 200, path);
  const outside = ['/package.json', '/demo/%2e%2e%2fpackage.json', '/demo/..%2f..%2fREADME.md', '/node_modules/'];
  for (const path of [...outside, '/demo/%00', '/demo/%', '/pkg']) assert.equal(await status(path), 404, path);
  assert.equal((await fetch(served.url, { method: 'POST' })).status, 405);
});

test('without the package, the server says what to run', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evenkeel-'));
  try {
    mkdirSync(join(folder, 'demo'));
    const script = join(folder, 'demo', 'serve.mjs');
    copyFileSync(new URL('../demo/serve.mjs', import.meta.url), script);
    const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
    assert.equal(status, 1);
    assert.match(stderr, /npm run build/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('an address says all that was set, and holds a hundred actions', () => {
  const state = parse('#scene=storm&seed=4294967295&rate=60&left=random.keep.none&right=pick_first.eject.unbounded&do=5*h.7as20.7cd');
  assert.deepEqual(parse(format(state)), state);
  assert.deepEqual(state.actions[1], { at: 7, target: 0, mode: 'slow', amount: 20 });
  for (let at = 10; at < 500; at++) act(state, { at, target: at % 6, mode: at % 2 ? 'well' : 'failing', amount: 1 });
  assert.equal(state.actions.length, 100);
  assert.deepEqual(parse(format(state)), state);
  assert.equal(state.actions.at(-1).at, 499);
});

describe('in Chromium', () => {
  const skip = !existsSync(CHROMIUM) && `there is no ${CHROMIUM}`;
  const seen = (name, use) => test(name, { skip }, use);
  let browser;
  before(async () => {
    if (!skip) browser = await chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...OFF] });
  });
  after(() => browser?.close());

  /** Opens the demo at its first frame; at the end, nothing was complained about on its console. */
  async function visit(hash, options, use) {
    const page = await browser.newPage({ viewport: { width: 1160, height: 820 }, ...options });
    const complaints = [];
    page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(String(error)));
    page.on('requestfailed', (request) => complaints.push(request.url()));
    try {
      await page.goto(served.url + hash);
      await page.waitForFunction(() => globalThis.demo?.cost().frames > 2);
      await use(page);
      assert.deepEqual(complaints, []);
    } finally {
      await page.close();
    }
  }

  /** Stops the clock and goes to a time, from the beginning if it is over. */
  const at = (page, time) =>
    page.evaluate((time) => {
      globalThis.demo.pause(true);
      return globalThis.demo.runTo(time);
    }, time);
  const figure = (page, side, name) => page.locator(`.side >> nth=${side}`).locator(`[data-figure="${name}"]`).innerText();
  const rate = ({ recent }) => recent.errors / recent.calls;

  seen('the right client notices what the left one does not', () =>
    visit('', {}, async (page) => {
      const { sides: [left, right] } = await at(page, 20_000);
      const figures = ({ recent, errors, ejections }) => `p99 ${recent.p99} ms, ${errors} errors, ${ejections} ejections`;
      console.log(`after 20 s: left ${figures(left)}; right ${figures(right)}`);
      assert.equal(left.recent.p99, 2000);
      assert(rate(left) > 0.2, rate(left));
      assert.equal(left.ejections, 0);
      assert.equal(right.errors, 0);
      assert(right.recent.p99 < 200, right.recent.p99);
      assert.equal(right.health[4], 'ejected');
      assert.equal(await figure(page, 0, 'p99'), '2.0s');
      assert.equal(await figure(page, 1, 'errors'), '0%');
      assert.match(await page.locator('.caption >> nth=1').innerText(), /E is ejected/);
    }));

  seen('the same address gives the same run, whatever the frames', async () => {
    const runs = [];
    for (let run = 0; run < 2; run++) {
      // Only one of them is live for a while.
      await visit('#scene=servers&seed=11&do=1000bh.3000cs7.6000ad', {}, async (page) => {
        if (run === 0) await page.waitForFunction(() => globalThis.demo.snapshot().now > 1500);
        runs.push(await at(page, 15_000));
        runs.push((await page.locator('#restart').click(), await at(page, 15_000)));
      });
    }
    for (const run of runs) assert.deepEqual(run, runs[0]);
  });

  seen('what the viewer does by mouse and keys stands in the address, and is the same when replayed', () =>
    visit('#scene=servers&do=', {}, async (page) => {
      await at(page, 2000);
      const card = (name) => page.getByRole('button', { name: new RegExp(`^Server ${name}`) });
      await card('B').click();
      assert.equal(await card('B').getAttribute('aria-label'), 'Server B: slow ×10');
      assert.equal(await page.getByRole('status').and(page.locator('p')).innerText(), 'B: slow ×10');
      assert.match(page.url(), /#scene=servers&do=2000bs10$/);
      await page.evaluate(() => globalThis.demo.runTo(6000));
      await card('D').focus();
      await page.keyboard.press('f');
      await page.evaluate(() => globalThis.demo.runTo(9000));
      await page.keyboard.press('Tab');
      assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'How slow server D is');
      assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), 'solid');
      await page.keyboard.press('w');
      await page.keyboard.press('ArrowRight');
      await page.locator('.side >> nth=0').locator('li >> nth=5').click({ position: { x: 80, y: 10 } });
      const slider = page.getByLabel('How slow server A is');
      const box = await slider.boundingBox();
      await page.mouse.move(box.x + 8, box.y + box.height / 2);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 });
      await page.mouse.up();
      assert.match(page.url(), /do=2000bs10\.6000df\.9000dw\.9000ds2\.9000fs10\.9000as\d+(\.9000as\d+)?$/);
      const live = await page.evaluate(() => globalThis.demo.runTo(16_000));
      await visit(new URL(page.url()).hash, {}, async (other) => assert.deepEqual(await at(other, 16_000), live));
    }));

  seen('settings are kept in the address, and begin anew', () =>
    visit('', {}, async (page) => {
      const left = page.locator('.side >> nth=0');
      await left.getByLabel('Policy').selectOption('least_request');
      await left.getByLabel('Ejection').check();
      await left.getByLabel('Retries').selectOption('budget');
      await page.getByLabel('Requests/s').selectOption('250');
      assert.match(page.url(), /#scene=servers&rate=250&left=least_request\.eject\.budget$/);
      const { sides: [first] } = await at(page, 20_000);
      assert(rate(first) < 0.01, rate(first));
      await page.reload();
      await page.waitForFunction(() => globalThis.demo?.cost().frames > 2);
      assert.deepEqual((await at(page, 20_000)).sides[0], first);
      await page.goto(`${served.url}#scene=nothing&rate=7&left=x.y.z&seed=-1&do=zz.1q`);
      await page.waitForFunction(() => globalThis.demo.state().rate === 120);
      assert.deepEqual((await page.evaluate(() => globalThis.demo.state())).actions, []);
    }));

  seen('without a budget, retries keep a service down', () =>
    visit('#scene=storm', {}, async (page) => {
      const { sides: [left, right] } = await at(page, 30_000);
      assert.equal(rate(left), 1);
      assert.equal(rate(right), 0);
      assert(left.recent.perSecond > 3 * right.recent.perSecond);
      // The same with a budget on the left, and the trouble by the button.
      await page.locator('.side >> nth=0').getByLabel('Retries').selectOption('budget');
      assert.equal(rate((await at(page, 30_000)).sides[0]), 0);
      await page.getByRole('button', { name: 'All servers slow' }).click();
      assert.equal(await page.getByRole('button', { name: 'All servers slow' }).getAttribute('aria-pressed'), 'true');
      await page.getByRole('button', { name: 'All well' }).click();
      assert.match(page.url(), /30000\*s8\.30000\*w$/);
    }));

  seen('with two keys, who gets a 429 goes on with the other', () =>
    visit('', {}, async (page) => {
      await page.getByRole('link', { name: 'API keys' }).click();
      await page.waitForFunction(() => globalThis.demo.state().scene === 'keys');
      assert.equal(await page.getByRole('link', { name: 'API keys' }).getAttribute('aria-current'), 'page');
      const { sides: [left, right] } = await at(page, 24_000);
      assert(rate(left) > 0.1 && left.recent.p99 > 5000);
      assert.equal(right.errors, 0);
      assert(right.recent.p99 < 400, right.recent.p99);
      assert.match(await page.locator('.caption >> nth=1').innerText(), /left alone/);
      await page.getByLabel('Quota of key 2').focus();
      await page.keyboard.press('Home');
      assert.match(page.url(), /#scene=keys&do=24000bq0$/);
      const { sides: [, short] } = await page.evaluate(() => globalThis.demo.runTo(34_000));
      assert(rate(short) > 0.5, 'nobody can help where both quotas are too small');
    }));

  seen('on a phone, nothing is wider than the screen', () =>
    visit('', { viewport: { width: 360, height: 740 }, hasTouch: true }, async (page) => {
      for (const scene of ['servers', 'storm', 'keys']) {
        await page.locator(`[data-scene="${scene}"]`).tap();
        await page.waitForFunction((scene) => globalThis.demo.state().scene === scene, scene);
        await at(page, 14_000);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 360, scene);
      }
    }));

  seen('who wants little motion gets figures and bars, and no dots', async () => {
    // How much is drawn.
    const drawn = (page) =>
      page.evaluate(() => {
        const canvas = document.querySelector('canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return data.filter((value, at) => at % 4 === 3 && value > 0).length;
      });
    let [moving, still] = [0, 0];
    await visit('#do=', {}, async (page) => (await at(page, 5000), (moving = await drawn(page))));
    await visit('#do=', { reducedMotion: 'reduce' }, async (page) => {
      await at(page, 5000);
      still = await drawn(page);
      assert.match(await figure(page, 1, 'p50'), /^\d+ms$/);
      const moving = await page.evaluate(() => [...document.querySelectorAll('*')].map(getComputedStyle).filter(({ animationName, transitionDuration }) => animationName !== 'none' || /[1-9]/.test(transitionDuration)).length);
      assert.equal(moving, 0, 'nor anything else that moves');
    });
    assert(still < moving, `${still} pixels, and ${moving} with dots`);
  });

  for (const colorScheme of ['light', 'dark']) {
    seen(`${colorScheme}: what there is to read stands out, and the dots have the colours of the page`, () =>
      visit('', { colorScheme }, async (page) => {
        await at(page, 14_000);
        const { texts, ground, wrong } = await page.evaluate(() => {
          const rgb = (colour) => /^rgba?\(([^)]*)\)$/.exec(colour)[1].split(',').map(Number);
          // Of WCAG 2.2: how light a colour is.
          const light = ([r, g, b]) => [r, g, b].map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4))
            .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
          const behind = (element) => {
            for (let at = element; at; at = at.parentElement) {
              const colour = rgb(getComputedStyle(at).backgroundColor);
              if (colour[3] !== 0) return colour;
            }
          };
          const own = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
          const read = [...document.querySelectorAll('body *')].filter((element) => own(element) && element.checkVisibility());
          const low = read.map((element) => {
            const [ink, paper] = [light(rgb(getComputedStyle(element).color)), light(behind(element))];
            return [(Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05), element.textContent.trim().slice(0, 40)];
          }).filter(([contrast]) => contrast < 4.5);
          const canvas = document.querySelector('canvas');
          const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
          const wanted = getComputedStyle(document.documentElement).getPropertyValue('--well').trim().match(/\w\w/g).map((part) => parseInt(part, 16));
          let well = 0;
          for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255 && wanted.every((part, i) => data[at + i] === part)) well++;
          return { texts: read.length, ground: light(behind(document.body)), wrong: [...low, ...(well > 0 ? [] : ['no dots'])] };
        });
        assert.deepEqual(wrong, []);
        assert(texts > 40, texts);
        assert(colorScheme === 'dark' ? ground < 0.1 : ground > 0.8, ground);
      }));
  }

  seen('what a frame costs at 1,000 requests a second', () =>
    visit('#rate=1000', {}, async (page) => {
      await page.waitForFunction(() => globalThis.demo.cost().frames > 240, undefined, { timeout: 60_000 });
      const { frames, passedMs, totalMs, longestMs } = await page.evaluate(() => globalThis.demo.cost());
      const each = `${(totalMs / frames).toFixed(2)} ms each, the longest ${longestMs.toFixed(1)} ms, of the 16.7 ms there are`;
      console.log(`${Math.round((1000 * frames) / passedMs)} frames a second, ${each}`);
    }));

  seen('the picture is of the demo', () =>
    visit('', { colorScheme: 'light' }, async (page) => {
      await at(page, 16_000);
      await page.setViewportSize({ width: 1160, height: 1200 });
      await page.evaluate(() => globalThis.demo.runTo(16_000));
      const { y, height } = await page.locator('#sides').boundingBox();
      const clip = { x: 0, y: 0, width: 1160, height: y + height + 12 };
      const picture = await page.screenshot({ clip, ...(process.env.EVENKEEL_BLESS === '1' ? { path: PICTURE } : {}) });
      assert(picture.length < 200_000, `${picture.length} bytes`);
      assert(statSync(PICTURE).size < 200_000);
    }));
});
