// The built widget in headless Chromium, under the strictest policy a host page may have.
//
// CHROMIUM names the browser; pictures for the eye go to look/.

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Gateway } from './gateway';

const look = 'look';

let browser: Browser;
let context: BrowserContext;
let page: Page;
let gateway: Gateway;
let faults: string[];

beforeAll(async () => {
  mkdirSync(look, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'].concat(
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ),
  });
});

afterAll(() => browser?.close());

beforeEach(async () => {
  gateway = new Gateway();
  await gateway.listen();
  for (const name of readdirSync('dist').filter((name) => name.endsWith('.js'))) {
    gateway.pages.set(`/${name}`, { body: readFileSync(`dist/${name}`, 'utf8'), type: 'text/javascript' });
  }
  host('/');
  context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB' });
  page = await newPage();
  faults = [];
});

afterEach(async () => {
  await context.close();
  await gateway.close();
  expect(faults).toEqual([]);
});

async function newPage(): Promise<Page> {
  const made = await context.newPage();
  made.on('pageerror', (error) => faults.push(String(error)));
  made.on('console', (message) => {
    if (/Content Security Policy/.test(message.text())) faults.push(message.text());
  });
  return made;
}

function host(path: string, attributes = '', head = ''): void {
  const body = `<!doctype html><html lang="en"><meta name="viewport" content="width=device-width">
    <title>A page</title>${head}<h1>A page</h1><p><a href="/">A link</a></p>
    <script nonce="n" async src="/couplet.js" data-tenant="demo" ${attributes}></script>`;
  const policy = `default-src 'none'; script-src 'nonce-n'; connect-src ${gateway.url} ${gateway.url.replace('http', 'ws')}`;
  gateway.pages.set(path, { body, headers: { 'content-security-policy': policy } });
}

const part = (name: string, on = page) => on.locator(`[data-part="${name}"]`);

async function open(on = page): Promise<void> {
  await on.goto(gateway.url);
  await part('launcher', on).click();
}

async function write(text: string, on = page): Promise<void> {
  await part('composer', on).fill(text);
  await part('composer', on).press('Enter');
}

async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  await expect.poll(check, { timeout: 8_000, interval: 25 }).toBe(true);
}

const texts = (on = page) => part('text', on).allTextContents();

test('a conversation both ways, with ticks, under a strict policy', async () => {
  await open();
  await until(() => gateway.sockets === 1);
  await write('Do you ship to Norway?');
  await until(() => gateway.of('message').length === 1);
  gateway.place(2, 170);
  await part('status').getByText('You are second in line, about 3 minutes').waitFor();
  gateway.join('Ann');
  gateway.says('We do, twice a week.');
  await part('status').getByText('You are talking to Ann').waitFor();
  gateway.receipt(1, 0);
  await page.locator('[data-from="customer"][data-state="delivered"]').waitFor();
  gateway.receipt(1, 1);
  await page.locator('[data-from="customer"][data-state="read"]').waitFor();
  gateway.types(true);
  await part('typing').waitFor({ state: 'visible' });
  await until(() => gateway.of('read').some(({ seq }) => seq === 3));
  expect(await texts()).toEqual(['Do you ship to Norway?', 'We do, twice a week.']);
});

test('a reload resumes, and a lost network loses and doubles nothing', async () => {
  await open();
  await write('one');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  gateway.loseAcks = true;
  await write('two');
  await until(() => gateway.current.log.length === 3);
  gateway.loseAcks = false;
  gateway.cut();
  gateway.says('while you were away');
  await page.locator('text=while you were away').waitFor();
  expect(await texts()).toEqual(['one', 'two', 'while you were away']);
  await page.reload();
  await until(() => gateway.sockets === 1);
  await part('launcher').click();
  await page.locator('text=while you were away').waitFor();
  expect(await texts()).toEqual(['one', 'two', 'while you were away']);
  expect(gateway.conversations.length).toBe(1);
});

test('two tabs are one customer', async () => {
  await open();
  await write('from the first');
  await until(() => gateway.conversations.length === 1);
  const other = await newPage();
  await open(other);
  await other.locator('text=from the first').waitFor();
  await write('from the second', other);
  await page.locator('text=from the second').waitFor();
  expect(await texts()).toEqual(['from the first', 'from the second']);
  expect(gateway.sockets).toBe(2);
});

test('an unread message is counted on the launcher, and Escape gives the focus back', async () => {
  await open();
  await write('hello');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  await part('status').getByText('You are talking to Ann').waitFor();
  await page.keyboard.press('Escape');
  await part('panel').waitFor({ state: 'hidden' });
  gateway.says('Are you there?');
  await page.getByRole('button', { name: 'Open chat, 1 unread message' }).waitFor();
  expect(await page.evaluate('document.activeElement.shadowRoot.activeElement.dataset.part')).toBe(
    'launcher',
  );
});

test('without consent nothing is stored and no socket is opened', async () => {
  host('/', 'data-consent="required"');
  await open();
  await page.getByRole('button', { name: 'Agree and chat' }).waitFor();
  await page.waitForTimeout(200);
  expect(await page.evaluate('localStorage.length')).toBe(0);
  expect(gateway.heard).toEqual([]);
  await page.getByRole('button', { name: 'Agree and chat' }).click();
  await write('now');
  await until(() => gateway.of('message').length === 1);
});

test('history comes on scrolling back, and the place in the text is kept', async () => {
  await open();
  await write('first words');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  for (let n = 3; n <= 140; n += 1) gateway.says(`line ${n}`);
  await page.locator('text="line 140"').waitFor();
  await page.reload();
  await part('launcher').click();
  await page.locator('text="line 140"').waitFor();
  expect((await texts()).length).toBe(50);
  await page.locator('.scroll').evaluate((scroll) => scroll.scrollTo(0, 0));
  await page.locator('text="line 60"').waitFor();
  expect(await page.locator('.scroll').evaluate((scroll) => scroll.scrollTop)).toBeGreaterThan(500);
});

test('old frameworks and frozen prototypes are lived with', async () => {
  const head = `<script nonce="n">
    Array.prototype.toJSON = function () { return '[' + this.join() + ']'; };
    Array.prototype.reduce = function () { return this[0]; };
    Object.prototype.extra = function () {};
    for (const kind of [Object, Array, Function, String, Promise, Map, Set, Element, HTMLElement, EventTarget])
      Object.freeze(kind.prototype);
  </script>`;
  host('/', '', head);
  await open();
  await part('files').setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('12345') });
  await part('tray').getByText('5 byte').waitFor();
  await write('hello');
  await until(() => gateway.of('message').length === 1);
  expect(gateway.of('message')[0]).toMatchObject({ text: 'hello', files: ['f1'] });
});

test('a picture is shown without a policy for pictures', async () => {
  const dot =
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
  gateway.pages.set('/dot.png', { body: Buffer.from(dot, 'base64'), type: 'image/png' });
  await open();
  await write('hello');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  gateway.says('', { files: [{ id: 'p', name: 'dot.png', type: 'image/png', size: 70, url: '/dot.png' }] });
  await page.locator('couplet-chat .file canvas').waitFor({ state: 'attached' });
  expect(await page.getByRole('link', { name: 'dot.png (70 byte)' }).getAttribute('href')).toBe(
    `${gateway.url}/dot.png`,
  );
});

test('answering, editing, deleting, by keyboard alone', async () => {
  await open();
  await write('first');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  gateway.says('second');
  await page.locator('text=second').waitFor();
  const line = (text: string) => page.locator('[data-part="message"]', { hasText: text });
  await line('second').locator('[data-part="more"]').press('Enter');
  await page.keyboard.press('Enter');
  await write('third');
  await until(() => gateway.of('message').length === 2);
  expect(gateway.of('message')[1]).toMatchObject({ text: 'third', reply_to: 3 });
  await line('first').locator('[data-part="more"]').press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await part('composer').fill('first of all');
  await part('composer').press('Enter');
  await line('first of all').waitFor();
  await until(() => gateway.of('edit').length === 1);
  await line('third').locator('[data-part="more"]').press('Enter');
  await line('third').locator('[data-part="remove"]').press('Enter');
  await page.keyboard.press('Enter');
  await until(() => gateway.of('retract').length === 1);
  await page.locator('text=Message removed').waitFor();
});

test('a second tag, another body, shutdown', async () => {
  await open();
  await write('hello');
  await until(() => gateway.conversations.length === 1);
  await page.evaluate(async () => {
    const script = document.createElement('script');
    script.nonce = 'n';
    script.src = '/couplet.js';
    script.dataset.tenant = 'demo';
    document.head.append(script);
    await new Promise((done) => script.addEventListener('load', done));
    document.body = document.createElement('body');
  });
  await part('composer').waitFor();
  expect(await texts()).toEqual(['hello']);
  expect(await page.locator('couplet-chat').count()).toBe(1);
  await page.evaluate(() => window.Couplet?.shutdown?.());
  expect(await page.locator('couplet-chat').count()).toBe(0);
  expect(await page.evaluate('localStorage.length')).toBe(0);
  await until(() => gateway.sockets === 0);
});

test('rated, and kept as a text', async () => {
  await open();
  await write('hello');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  gateway.says('Goodbye.');
  gateway.closes();
  await part('rating').getByLabel('Very good').check();
  await part('send-rating').click();
  await until(() => gateway.of('rate').length === 1);
  await page.locator('text=Thank you for your rating').waitFor();
  await part('options').click();
  const [file] = await Promise.all([page.waitForEvent('download'), part('download').click()]);
  expect(readFileSync(await file.path(), 'utf8')).toContain('Ann:\n  Goodbye.');
});

for (const scheme of ['light', 'dark'] as const) {
  for (const [name, width, height] of [
    ['desktop', 1280, 800],
    ['phone', 390, 844],
  ] as const) {
    test(`pictures: ${name}, ${scheme}`, async () => {
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: scheme });
      const shoot = (what: string) => page.screenshot({ path: `${look}/${name}-${scheme}-${what}.png` });
      await page.goto(gateway.url);
      await part('launcher').waitFor();
      await shoot('0-launcher');
      await part('launcher').click();
      await part('composer').waitFor();
      await page.waitForTimeout(250);
      await shoot('1-empty');
      await write('Hello, my order 1482 has not arrived yet.');
      await until(() => gateway.conversations.length === 1);
      gateway.place(2, 170);
      await part('status').getByText('second in line').waitFor();
      await shoot('2-waiting');
      gateway.join('Ann');
      gateway.says('Good morning. Let me look that up.');
      gateway.says('It left our warehouse on Tuesday. You can follow it at https://parcels.example/1482.');
      await write('Thank you.');
      await write('Does anyone need to be at home to sign for it, or can it be left with the neighbours?');
      await until(() => gateway.of('message').length === 3);
      gateway.receipt(6, 5);
      gateway.types(true);
      gateway.errors = [{ code: 'forbidden' }];
      await write('And one that fails');
      await page.locator('[data-state="failed"]').waitFor();
      await shoot('3-talk');
      gateway.closes();
      await part('composer').fill(`${'A longer question over\n'.repeat(4)}several lines`);
      await shoot('4-closed');
    });
  }
}

test('pictures: consent in German on the left, and forced colours', async () => {
  host('/', 'data-consent="required" data-locale="de" data-position="left" data-color="#e8a33d"');
  await open();
  await page.getByRole('button', { name: 'Einverstanden, Chat beginnen' }).waitFor();
  await page.waitForTimeout(250);
  await page.screenshot({ path: `${look}/consent-german-left.png` });
  await page.getByRole('button', { name: 'Einverstanden, Chat beginnen' }).click();
  await page.emulateMedia({ forcedColors: 'active' });
  await write('Guten Tag');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  gateway.says('Guten Tag. Was kann ich für Sie tun?');
  await page.locator('text=Was kann ich').waitFor();
  await page.screenshot({ path: `${look}/forced-colours.png` });
});
