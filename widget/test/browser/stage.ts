// The built widget in headless Chromium, on a page with the strictest policy a host may have, with
// the test gateway behind it. One stage per test file; each test has its own gateway and its own
// browser context.
//
// Whatever a page reports fails the test: errors, and whatever the policy refuses.
//
// CHROMIUM names the browser.

import { readdirSync, readFileSync } from 'node:fs';
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { Gateway, type Page as Served } from '../gateway';

/** The options of a host page. */
export interface HostPage {
  /** Attributes of the script tag. */
  attributes?: string;
  head?: string;
  body?: string;
  /** A policy in place of the strict one; empty for none. */
  policy?: string;
  /** The address of the script. */
  src?: string;
  headers?: Record<string, string>;
}

/** A page with the widget, under `default-src 'none'` and what docs/embedding.md adds to it. */
export function hostPage(gateway: string, asked: HostPage = {}): Served {
  const { attributes = '', head = '', body = '', policy, src = '/couplet.js', headers } = asked;
  const strict = [
    "default-src 'none'; script-src 'nonce-n'",
    `connect-src ${gateway} ${gateway.replace('http', 'ws')}`,
    "require-trusted-types-for 'script'; trusted-types 'none'",
  ].join('; ');
  const refused = policy ?? strict;
  return {
    body: `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
      <title>A page</title>${head}<main><h1>A page</h1><p><a href="/">A link</a></p>${body}</main>
      <script nonce="n" async src="${src}" data-tenant="demo" ${attributes}></script>`,
    headers: { ...(refused && { 'content-security-policy': refused }), ...headers },
  };
}

const PATIENCE_MS = 10_000;
const REFUSED = 'Refused by the Content-Security-Policy:';

export class Stage {
  browser!: Browser;
  context!: BrowserContext;
  page!: Page;
  gateway!: Gateway;
  /** Errors that pages have reported. */
  faults: string[] = [];

  /** A page with the widget at `path`. */
  host(path = '/', asked: HostPage = {}): void {
    this.gateway.pages.set(path, hostPage(this.gateway.url, asked));
  }

  async newContext(options: BrowserContextOptions = {}): Promise<BrowserContext> {
    await this.context?.close();
    this.context = await this.browser.newContext({
      viewport: { width: 1280, height: 800 },
      locale: 'en-GB',
      timezoneId: 'Europe/Oslo',
      ...options,
    });
    this.context.setDefaultTimeout(PATIENCE_MS);
    return this.context;
  }

  async newPage(): Promise<Page> {
    const page = await this.context.newPage();
    page.on('pageerror', (error) => this.faults.push(String(error)));
    page.on('dialog', (dialog) => {
      this.faults.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('console', (message) => {
      if (message.text().startsWith(REFUSED)) this.faults.push(message.text());
    });
    await page.addInitScript((refused) => {
      document.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) =>
        console.error(`${refused} ${violatedDirective} ${blockedURI}`),
      );
    }, REFUSED);
    return page;
  }

  part(name: string, on = this.page) {
    return on.locator(`[data-part="${name}"]`);
  }

  /** The row of the log with this text. */
  line(text: string, on = this.page) {
    return this.part('message', on).filter({ has: this.part('text', on).filter({ hasText: text }) });
  }

  texts(on = this.page): Promise<string[]> {
    return this.part('text', on).allTextContents();
  }

  async open(on = this.page): Promise<void> {
    await on.goto(this.gateway.url);
    await this.part('launcher', on).click();
    await this.part('panel', on).waitFor();
  }

  async write(text: string, on = this.page): Promise<void> {
    await this.part('composer', on).fill(text);
    await this.part('send', on).click();
  }

  /** A conversation with Ann that begins with this text. */
  async talk(text = 'hello', on = this.page): Promise<void> {
    await this.open(on);
    await this.write(text, on);
    await until(() => this.gateway.conversations.length === 1);
    this.gateway.join('Ann');
    await this.part('status', on).getByText('Ann').waitFor();
  }
}

export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(check, { timeout: PATIENCE_MS, interval: 20 }).toBe(true);
}

/** Opens the browser for a test file, and a gateway and a page for each test. */
export function setStage(): Stage {
  const stage = new Stage();
  beforeAll(async () => {
    stage.browser = await chromium.launch({
      // A page that is left goes into the back/forward cache, as it does outside of tests.
      ignoreDefaultArgs: ['--disable-back-forward-cache'],
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'].concat(
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ),
    });
  });
  afterAll(() => stage.browser?.close());
  beforeEach(async () => {
    stage.faults = [];
    stage.gateway = new Gateway();
    await stage.gateway.listen();
    for (const name of readdirSync('dist').filter((name) => name.endsWith('.js'))) {
      stage.gateway.pages.set(`/${name}`, { body: readFileSync(`dist/${name}`), type: 'text/javascript' });
    }
    stage.host();
    await stage.newContext();
    stage.page = await stage.newPage();
  });
  afterEach(async () => {
    await stage.context.close();
    await stage.gateway.close();
    expect(stage.faults).toEqual([]);
  });
  return stage;
}
