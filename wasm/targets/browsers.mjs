// The browsers of Debian.
import puppeteer from 'puppeteer-core';
import { CHROMIUM } from './chromium.mjs';

const FIREFOX = '/usr/bin/firefox-esr';

/** By name: where it is, and how it starts. */
export const BROWSERS = {
  Chromium: ['/usr/bin/chromium', CHROMIUM],
  Firefox: [FIREFOX, () => puppeteer.launch({ browser: 'firefox', executablePath: FIREFOX, headless: true })],
};
