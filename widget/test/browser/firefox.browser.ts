// The main path in Firefox, over WebDriver BiDi: Debian's Firefox, or the one that FIREFOX names.

import { readdirSync, readFileSync } from 'node:fs';
import puppeteer, { type Browser, type Page } from 'puppeteer-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Gateway } from '../gateway';
import { hostPage, until } from './stage';

let browser: Browser;
let page: Page;
let gateway: Gateway;
let faults: string[];

beforeAll(async () => {
  browser = await puppeteer.launch({
    browser: 'firefox',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    defaultViewport: { width: 1280, height: 800 },
  });
}, 60_000);
afterAll(() => browser?.close());

beforeEach(async () => {
  faults = [];
  gateway = new Gateway();
  await gateway.listen();
  for (const name of readdirSync('dist').filter((name) => name.endsWith('.js'))) {
    gateway.pages.set(`/${name}`, { body: readFileSync(`dist/${name}`), type: 'text/javascript' });
  }
  gateway.pages.set('/', hostPage(gateway.url));
  page = await browser.newPage();
  // The browser requests an icon by itself.
  const complain = (text: string) => {
    if (!text.includes('/favicon.ico')) faults.push(text);
  };
  page.on('pageerror', (error) => complain(String(error)));
  page.on('console', (message) => {
    if (/Content-Security-Policy/.test(message.text())) complain(message.text());
  });
});
afterEach(async () => {
  await page.evaluate(() => window.Couplet?.shutdown?.()).catch(() => undefined);
  await page.close();
  await gateway.close();
  expect(faults).toEqual([]);
});

const part = (name: string) => page.locator(`>>> [data-part="${name}"]`);
const shown = (selector: string) =>
  page.evaluate(
    (wanted) =>
      [...(document.querySelector('couplet-chat')?.shadowRoot?.querySelectorAll(wanted) ?? [])]
        .filter((element) => (element as HTMLElement).offsetParent)
        .map((element) => element.textContent),
    selector,
  );
const texts = () => shown('[data-part="text"]');

async function write(text: string): Promise<void> {
  await part('composer').fill(text);
  await part('send').click();
}

test('a conversation under a strict policy: messages, ticks, a reload, a picture, a rating, the end', async () => {
  await page.goto(gateway.url);
  await part('launcher').click();
  await write('Do you ship to Norway?');
  await until(() => gateway.conversations.length === 1);
  gateway.place(1, 60);
  await until(
    async () => (await shown('[data-part="status"]'))[0] === 'You are first in line, about 1 minute',
  );
  gateway.join('Ann');
  gateway.says('We do: https://shop.example/norway', { buttons: [{ label: 'Good', value: 'good' }] });
  gateway.receipt(1, 1);
  await until(async () => (await shown('[data-state="read"] .bubble')).length === 1);
  await part('choice').click();
  await until(() => gateway.of('choice').length === 1);

  await page.reload();
  await until(async () => (await texts()).length === 3);
  expect(await texts()).toEqual(['Do you ship to Norway?', 'We do: https://shop.example/norway', 'Good']);

  const picture = readFileSync(new URL('shelf.png', import.meta.url));
  gateway.pages.set('/v1/demo/files/p/shelf.png', { body: picture, type: 'image/png' });
  const file = { id: 'p', name: 'shelf.png', type: 'image/png', size: 9, url: '/v1/demo/files/p/shelf.png' };
  gateway.says('', { files: [file] });
  await until(async () => (await shown('.file canvas')).length === 1);

  gateway.cut();
  await write('said into the gap');
  await until(() => gateway.of('message').some(({ text }) => text === 'said into the gap'));
  gateway.closes();
  await until(async () => (await shown('[data-part="rating"]')).length === 1);
  await page.locator('>>> [data-part="rating"] input[value="5"]').click();
  await part('send-rating').click();
  await until(() => gateway.of('rate').length === 1);
  expect(gateway.of('rate')[0]).toMatchObject({ score: 5 });

  await page.evaluate(() => window.Couplet?.shutdown?.());
  await until(() => gateway.sockets === 0);
  expect(await page.evaluate(() => localStorage.length)).toBe(0);
  expect(gateway.conversations.length).toBe(1);
});

test('the keyboard alone, and the focus where it was', async () => {
  await page.goto(gateway.url);
  await page.waitForSelector('>>> [data-part="launcher"]');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await page.waitForSelector('>>> [data-part="composer"]');
  await until(async () => (await focused()) === 'composer');
  await page.keyboard.type('hello');
  await page.keyboard.press('Enter');
  await until(() => gateway.of('message').length === 1);
  await page.keyboard.press('Escape');
  await until(async () => (await focused()) === 'launcher');
});

const focused = () =>
  page.evaluate(
    () => (document.activeElement?.shadowRoot?.activeElement as HTMLElement | null)?.dataset.part,
  );
