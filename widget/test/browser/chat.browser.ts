// A whole conversation, to its end and after it.

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { setStage, until } from './stage';

const stage = setStage();
const part = (name: string) => stage.part(name);

test('a conversation both ways, with place, ticks and typing', async () => {
  const { gateway, page } = stage;
  await stage.open();
  await until(() => gateway.sockets === 1);
  await stage.write('Do you ship to Norway?');
  await until(() => gateway.of('message').length === 1);
  // At night: no place in the queue, and no agent soon.
  gateway.place();
  await part('status').getByText('Nobody is in right now. The answer comes here.').waitFor();
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
  expect(await stage.texts()).toEqual(['Do you ship to Norway?', 'We do, twice a week.']);
});

test('history is loaded on scrolling back, and the position is kept', async () => {
  const { gateway, page } = stage;
  await stage.talk('first words');
  for (let n = 3; n <= 140; n += 1) gateway.says(`line ${n}`);
  await page.locator('text="line 140"').waitFor();
  await page.reload();
  await page.locator('text="line 140"').waitFor();
  expect((await stage.texts()).length).toBe(50);
  await page.locator('.scroll').evaluate((scroll) => scroll.scrollTo(0, 0));
  await page.locator('text="line 60"').waitFor();
  expect(await page.locator('.scroll').evaluate((scroll) => scroll.scrollTop)).toBeGreaterThan(500);
});

test('a customer who has scrolled up is notified of new messages, and not moved', async () => {
  const { gateway, page } = stage;
  await stage.talk('first words');
  for (let n = 3; n <= 40; n += 1) gateway.says(`line ${n}`);
  await page.locator('text="line 40"').waitFor();
  const top = () => page.locator('.scroll').evaluate(({ scrollTop }) => scrollTop);
  await page.locator('.scroll').hover();
  await page.mouse.wheel(0, -600);
  await until(async () => (await page.locator('text="line 40"').evaluate(isInSight)) === false);
  const before = await top();
  gateway.says('news');
  await part('down').waitFor();
  expect(await top()).toBe(before);
  await part('down').click();
  await part('down').waitFor({ state: 'hidden' });
  expect(await page.locator('text="news"').evaluate(isInSight)).toBe(true);
});

test('a dropped picture is uploaded, sent with the message, and shown', async () => {
  const { gateway, page } = stage;
  gateway.fileBytes = 100_000;
  const shelf = readFileSync(new URL('shelf.png', import.meta.url));
  gateway.pages.set('/v1/demo/files/f1/shelf.png', { body: shelf, type: 'image/png' });
  await stage.talk();
  const data = await page.evaluateHandle(
    (bytes) => {
      const transfer = new DataTransfer();
      const file = new File([Uint8Array.from(bytes)], 'shelf.png', { type: 'image/png' });
      transfer.items.add(file);
      return transfer;
    },
    [...shelf],
  );
  await part('panel').dispatchEvent('dragover', { dataTransfer: data });
  await page.locator('.drop').waitFor();
  await part('panel').dispatchEvent('drop', { dataTransfer: data });
  await page.locator('.drop').waitFor({ state: 'hidden' });
  await part('tray').locator('canvas').waitFor();
  await until(() => gateway.files.length === 1);
  await part('send').click();
  await until(() => gateway.of('message').length === 2);
  expect(gateway.of('message')[1]).toMatchObject({ files: ['f1'] });
  await page.getByRole('link', { name: /shelf\.png/ }).waitFor();
  await part('tray').waitFor({ state: 'hidden' });
});

test('a rating, and the downloaded transcript', async () => {
  const { gateway, page } = stage;
  await stage.talk();
  gateway.says('Goodbye.');
  gateway.closes();
  await part('rating').getByLabel('Very good').check();
  expect(await part('send-rating').evaluate(isInSight)).toBe(true);
  await part('send-rating').click();
  await until(() => gateway.of('rate').length === 1);
  await page.locator('text=Thank you for your rating').waitFor();
  await part('options').click();
  const [file] = await Promise.all([page.waitForEvent('download'), part('download').click()]);
  expect(readFileSync(await file.path(), 'utf8')).toContain('Ann:\n  Goodbye.');
  // A message after the end begins a new conversation.
  await stage.write('One more thing');
  await until(() => gateway.conversations.length === 2);
  await page.locator('text=Thank you for your rating').waitFor({ state: 'hidden' });
});

test('a customer who is looking elsewhere is notified in the title, and by one sound from all tabs', async () => {
  const { gateway, page } = stage;
  await stage.newContext({ permissions: [] });
  stage.page = await stage.newPage();
  await stage.talk();
  const other = await stage.newPage();
  await other.goto(`${gateway.url}/`);
  await stage.part('launcher', other).waitFor();
  for (const tab of [stage.page, other]) {
    await tab.evaluate(() => {
      Object.assign(window, { sounds: 0 });
      Object.defineProperty(document, 'visibilityState', { value: 'hidden', configurable: true });
      document.dispatchEvent(new Event('visibilitychange'));
      const { createOscillator } = AudioContext.prototype;
      AudioContext.prototype.createOscillator = function () {
        (window as unknown as { sounds: number }).sounds += 1;
        return createOscillator.call(this);
      };
    });
  }
  void page;
  gateway.says('Are you there?');
  await until(async () => (await stage.page.title()) === '(1) A page');
  await until(async () => (await sounds()) > 0);
  await stage.page.waitForTimeout(600);
  expect(await sounds()).toBe(2); // The two tones of one sound.
  await stage.page.evaluate(() => {
    Object.defineProperty(document, 'visibilityState', { value: 'visible' });
    document.dispatchEvent(new Event('visibilitychange'));
  });
  await until(async () => (await stage.page.title()) === 'A page');

  async function sounds(): Promise<number> {
    const each = [stage.page, other].map((tab) => tab.evaluate('window.sounds') as Promise<number>);
    return (await Promise.all(each)).reduce((all, one) => all + one, 0);
  }
});

function isInSight(element: Element): boolean {
  const scroll = element.closest('.scroll')?.getBoundingClientRect();
  const box = element.getBoundingClientRect();
  return !!scroll && box.top >= scroll.top && box.bottom <= scroll.bottom + 1;
}
