// A browser, and the people in it: each has a context of their own. Errors reported by their pages
// are collected, and fail the test at its end.

import { deepEqual } from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { chromium } from 'playwright-core';
import { LOGS } from './servers.mjs';
import { PATIENCE } from './until.mjs';

const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'].concat(
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
);

/** How much of a frame is kept. */
const FRAME_CHARS = 400;

export class Visitors {
  #contexts = [];
  /** Of each page, what went through its sockets. */
  #frames = new WeakMap();
  faults = [];

  static async open() {
    const visitors = new Visitors();
    const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
    visitors.browser = await chromium.launch({ executablePath, args });
    return visitors;
  }

  /** A page of a new person, or another one in an existing context. */
  async page({ context, ...options } = {}) {
    const own = context ?? (await this.#someone(options));
    const page = await own.newPage();
    page.setDefaultTimeout(PATIENCE);
    const frames = [];
    this.#frames.set(page, frames);
    page.on('websocket', (socket) => {
      const note = (what, payload = '') =>
        frames.push(`${new Date().toISOString()} ${what} ${payload}`.slice(0, FRAME_CHARS));
      note('open', socket.url());
      socket.on('framesent', ({ payload }) => note('>', payload));
      socket.on('framereceived', ({ payload }) => note('<', payload));
      socket.on('close', () => note('close'));
    });
    page.on('pageerror', (error) => this.faults.push(`${page.url()}: ${error}`));
    page.on('console', (message) => {
      if (/Content Security Policy|TrustedHTML/.test(message.text())) this.faults.push(message.text());
    });
    return page;
  }

  async #someone(options) {
    const context = await this.browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: 'en-GB',
      ...options,
    });
    this.#contexts.push(context);
    return context;
  }

  /**
   * Ends a test: closes the pages of all but those who stay, and fails if a page reported an error.
   * Saves pictures of a failed test, and what went through the sockets of its pages.
   */
  async leave(play, ...staying) {
    if (!play.passed) await this.#depict(play.name);
    for (const context of this.#contexts.filter((one) => !staying.includes(one))) await context.close();
    this.#contexts = this.#contexts.filter((one) => staying.includes(one));
    deepEqual(this.faults.splice(0), []);
  }

  async #depict(name) {
    const pages = this.#contexts.flatMap((context) => context.pages());
    const file = (n) => `${LOGS}/${name.replace(/\W+/g, '-')}-${n}`;
    const save = async (page, n) => {
      await page.screenshot({ path: `${file(n)}.png` }).catch(() => {});
      await writeFile(`${file(n)}.frames.log`, `${this.#frames.get(page)?.join('\n')}\n`);
    };
    await Promise.all(pages.map(save));
  }

  async close() {
    await this.browser.close();
  }
}
