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
