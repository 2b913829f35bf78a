// The built widget in Chromium and in Firefox, both driven by puppeteer, to test what browsers do
// differently: the keyboard, the focus, storage. Each test has its own gateway and its own pages.
//
// CHROMIUM and FIREFOX name the browsers.

import { readdirSync, readFileSync } from 'node:fs';
import puppeteer, { type Browser, type BrowserContext, type KeyInput, type Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect } from 'vitest';
import { Gateway } from '../gateway';
import { type HostPage, hostPage, until } from './stage';

const BROWSERS = {
  chrome: process.env.CHROMIUM ?? '/usr/bin/chromium',
  firefox: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
};

export class Both {
  browser!: Browser;
  context!: BrowserContext;
  page!: Page;
  gateway!: Gateway;
  /** Errors that pages have reported; a test that expects one empties the list. */
  faults: string[] = [];

  constructor(readonly name: keyof typeof BROWSERS) {}

  host(path = '/', asked: HostPage = {}): void {
    this.gateway.pages.set(path, hostPage(this.gateway.url, asked));
  }

  async newPage(): Promise<Page> {
    const page = await this.context.newPage();
    page.on('pageerror', (error) => {
      // Firefox requests an icon by itself.
      if (!String(error).includes('/favicon.ico')) this.faults.push(String(error));
    });
    return page;
  }

  part(name: string, on = this.page) {
    return on.locator(`>>> [data-part="${name}"]`).setTimeout(8_000);
  }

  /** Waits until the part exists and is visible. */
  async seen(name: string, on = this.page): Promise<void> {
    await until(async () => (await this.shown(`[data-part="${name}"]`, on)).length > 0);
  }

  /** The texts of the visible matches. */
  shown(selector: string, on = this.page): Promise<string[]> {
    return on.evaluate(
      (wanted) =>
        [...(document.querySelector('couplet-chat')?.shadowRoot?.querySelectorAll(wanted) ?? [])]
          .filter((element) => (element as HTMLElement).checkVisibility())
          .map((element) => element.textContent ?? ''),
      selector,
    );
  }

  texts(on = this.page): Promise<string[]> {
    return this.shown('[data-part="text"]', on);
  }

  value(on = this.page): Promise<string | undefined> {
    return on.evaluate(
      () =>
        document
          .querySelector('couplet-chat')
          ?.shadowRoot?.querySelector<HTMLTextAreaElement>('[data-part="composer"]')?.value,
    );
  }

  focused(on = this.page): Promise<string | undefined> {
    return on.evaluate(() => {
      const host = document.querySelector('couplet-chat');
      return (host?.shadowRoot?.activeElement as HTMLElement | null)?.dataset.part;
    });
  }

  async open(on = this.page, path = '/'): Promise<void> {
    await on.goto(this.gateway.url + path);
    await this.part('launcher', on).click();
    await this.seen('composer', on);
  }

  async write(text: string, on = this.page): Promise<void> {
    await this.part('composer', on).fill(text);
    await this.part('send', on).click();
  }

  async keys(...keys: string[]): Promise<void> {
    for (const key of keys) await this.page.keyboard.press(key as KeyInput);
  }
}

/** Runs these tests in each browser. */
export function inBoth(tests: (both: Both) => void): void {
  describe.each(['chrome', 'firefox'] as const)('%s', (name) => {
    const both = new Both(name);
    beforeAll(async () => {
      both.browser = await puppeteer.launch({
        browser: name,
        executablePath: BROWSERS[name],
        headless: true,
        defaultViewport: { width: 1280, height: 800 },
        args: name === 'chrome' ? ['--no-sandbox', '--disable-gpu', '--no-first-run'] : [],
      });
    }, 60_000);
    afterAll(() => both.browser?.close());
    beforeEach(async () => {
      both.faults = [];
      both.gateway = new Gateway();
      await both.gateway.listen();
      for (const name of readdirSync('dist').filter((name) => name.endsWith('.js'))) {
        both.gateway.pages.set(`/${name}`, { body: readFileSync(`dist/${name}`), type: 'text/javascript' });
      }
      both.host();
      both.context = await both.browser.createBrowserContext();
      both.page = await both.newPage();
    });
    afterEach(async () => {
      await both.context.close();
      await both.gateway.close();
      expect(both.faults.slice(0, 3)).toEqual([]);
    });
    tests(both);
  });
}
