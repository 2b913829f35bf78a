// A browser, and the people in it: each has a context of their own. Errors reported by their pages
// are collected, and fail the test at its end.

import { deepEqual } from 'node:assert/strict';
import { chromium } from 'playwright-core';
import { LOGS } from './servers.mjs';
import { PATIENCE } from './until.mjs';

const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'].concat(
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
);

export class Visitors {
  #contexts = [];
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
   * Saves pictures of a failed test.
   */
  async leave(play, ...staying) {
    if (!play.passed) await this.#depict(play.name);
    for (const context of this.#contexts.filter((one) => !staying.includes(one))) await context.close();
    this.#contexts = this.#contexts.filter((one) => staying.includes(one));
    deepEqual(this.faults.splice(0), []);
  }

  async #depict(name) {
    const pages = this.#contexts.flatMap((context) => context.pages());
    const file = (n) => `${LOGS}/${name.replace(/\W+/g, '-')}-${n}.png`;
    await Promise.all(pages.map((page, n) => page.screenshot({ path: file(n) }).catch(() => {})));
  }

  async close() {
    await this.browser.close();
  }
}
