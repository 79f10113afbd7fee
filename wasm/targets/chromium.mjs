// Debian's Chromium.
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

const executablePath = '/usr/bin/chromium';
export const MISSING = !existsSync(executablePath) && `${executablePath} is not installed`;
export const CHROMIUM = () => chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'] });
