// Every state of the widget that a customer may see, in both themes, both directions, on a phone
// and beside a page: none breaks a rule of axe (WCAG 2.2 A and AA, and axe's best practices),
// targets are large enough, and nothing is wider than the panel.
//
// LOOK=1 saves a picture of each in look/, and adds those of a tablet.

import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { setStage, until } from './stage';

const stage = setStage();
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const FOLDER = 'look';
if (process.env.LOOK) mkdirSync(FOLDER, { recursive: true });

const SIZES = {
  phone: { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 },
  tablet: { viewport: { width: 820, height: 1180 }, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 } },
};

const STORIES = [
  { size: 'desktop', colorScheme: 'light', locale: 'en-GB', color: null },
  { size: 'phone', colorScheme: 'dark', locale: 'en-GB', color: '#e8a33d' },
  { size: 'phone', colorScheme: 'light', locale: 'ar-EG', color: '#ffd400' },
  { size: 'desktop', colorScheme: 'dark', locale: 'ar-EG', color: '#7a1fa2' },
  { size: 'tablet', colorScheme: 'light', locale: 'de-DE', color: null },
] as const;
const LOOKED_AT = STORIES.filter(({ size }) => size !== 'tablet' || process.env.LOOK);

for (const { size, colorScheme, locale, color } of LOOKED_AT) {
  const story = `${size}, ${colorScheme}, ${locale.slice(0, 2)}`;

  /** Checks what is on the screen now and, with LOOK=1, saves a picture. */
  const judge = async (page: Page, name: string) => {
    if (process.env.LOOK)
      await page.screenshot({ path: `${FOLDER}/${story.replaceAll(', ', '-')}-${name}.png` });
    expect(await violations(page), name).toEqual([]);
    expect(await page.evaluate(outsize), name).toEqual([]);
  };

  const prepare = async () => {
    await stage.newContext({ ...SIZES[size], colorScheme, locale, reducedMotion: 'reduce' });
    stage.page = await stage.newPage();
    await stage.page.addInitScript({ content: axe });
    stage.gateway.config.color = color;
    return stage;
  };

  test(`before there is a conversation: ${story}`, async () => {
    const { gateway, page } = await prepare();
    const { part } = bound;
    stage.host('/', { attributes: 'data-consent="required"' });
    Object.assign(gateway.config, {
      online: false,
      open: false,
      next: Date.now() + 20 * 3600_000,
      queues: [
        { key: 'default', name: 'Orders' },
        { key: 'binding', name: 'Binding and repairs' },
      ],
      form: [
        { name: 'name', required: true },
        { name: 'order', label: 'Order number' },
      ],
    });
    await page.goto(gateway.url);
    await part('launcher').waitFor();
    await judge(page, '00-launcher');
    await part('launcher').click();
    await part('consent').waitFor();
    await judge(page, '01-consent');
    await part('consent').click();
    await page.locator('.question input').first().waitFor();
    await judge(page, '02-nobody-in');
    await stage.write('Is anybody there?');
    await page.locator('.fault').first().waitFor();
    await judge(page, '03-form-faults');
  });

  test(`a conversation: ${story}`, async () => {
    const { gateway, page } = await prepare();
    const { part, line } = bound;
    gateway.pages.set('/v1/demo/files/p/shelf.png', { body: PICTURE, type: 'image/png' });
    gateway.fileBytes = 5_000_000;
    await stage.open();
    await part('composer').waitFor();
    await judge(page, '10-greeting');
    await stage.write('Hello, my order 1482 has not arrived yet.');
    await until(() => gateway.conversations.length === 1);
    gateway.place();
    await part('status')
      .getByText(/Nobody|niemand|أحد/)
      .waitFor();
    await judge(page, '11-nobody-yet');
    gateway.place(2, 170);
    await until(async () => (await part('status').textContent())?.match(/2|second|zweite|٢|الثان/) !== null);
    await judge(page, '11-waiting');

    gateway.join('Ann');
    gateway.says('Good morning. Let me look that up.');
    gateway.says('It left our warehouse on Tuesday. You can follow it at https://parcels.example/1482.');
    const file = {
      id: 'p',
      name: 'shelf.png',
      type: 'image/png',
      size: 4_210,
      url: '/v1/demo/files/p/shelf.png',
    };
    gateway.says('', {
      files: [file, { ...file, id: 'q', name: 'invoice.pdf', type: 'application/pdf', size: 81_000 }],
    });
    await stage.write('Thank you. Does anyone need to be at home to sign for it?');
    await until(() => gateway.of('message').length === 2);
    gateway.receipt(2, 1);
    await page.locator('.file canvas').waitFor();
    gateway.says('No. The courier leaves it with a neighbour.', { reply_to: 6 });
    gateway.types(true);
    await part('typing').waitFor();
    await judge(page, '12-talk');

    await line('1482 has').locator('[data-part="more"]').click();
    await part('remove').waitFor();
    await judge(page, '13-tools');
    await part('edit').click();
    await judge(page, '14-editing');
    await stage.write('Hello, my order 1483 has not arrived yet.');
    await until(() => gateway.of('edit').length === 1);
    await line('sign for it').locator('[data-part="more"]').click();
    await part('remove').click();
    await judge(page, '15-really-remove');
    await part('remove').click();
    await until(() => gateway.of('retract').length === 1);
    await line('No. The courier').locator('[data-part="more"]').click();
    await part('reply').click();
    await part('emoji-button').click();
    await judge(page, '16-removed-reply-emoji');
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');

    gateway.stallFiles = true;
    const png = { name: 'a photograph of the broken parcel.png', mimeType: 'image/png', buffer: PICTURE };
    await part('files').setInputFiles(png);
    await part('tray').locator('progress').waitFor();
    gateway.stallFiles = false;
    gateway.refuseFiles = 500;
    await part('files').setInputFiles({
      name: 'receipt.txt',
      mimeType: 'text/plain',
      buffer: Buffer.from('1'),
    });
    await part('tray').locator('.fault').waitFor();
    const large = { name: 'film.mp4', mimeType: 'video/mp4', buffer: Buffer.alloc(5_000_001) };
    await part('files').setInputFiles(large);
    await part('tray').getByText('film.mp4').waitFor();
    await part('composer').fill('x'.repeat(8_012));
    await judge(page, '17-files-too-long');
    for (const _ of [1, 2, 3]) await part('tray').locator('[data-part="remove-file"]').first().click();
    await part('composer').fill('');

    gateway.says('Which of them is it?', {
      buttons: [
        { label: 'The parcel is damaged', value: 'damaged' },
        { label: 'It never came', value: 'lost' },
        { label: 'Something else', value: 'other' },
      ],
    });
    await part('choice').first().waitFor();
    await judge(page, '18-buttons');
    await part('choice').nth(1).click();
    await until(() => gateway.of('choice').length === 1);
    gateway.says('Where shall we send another one?', {
      form: [
        { name: 'street', label: 'Street and number', required: true },
        { name: 'city', label: 'City' },
      ],
    });
    await part('submit').waitFor();
    await judge(page, '19-form');
    await page.getByLabel('Street and number').fill('Strandgaten 4');
    await part('submit').click();
    await until(() => gateway.of('choice').length === 2);

    gateway.errors = [{ code: 'forbidden' }];
    await stage.write('And one that fails');
    await page.locator('[data-state="failed"]').waitFor();
    gateway.says('PneumonoultramicroscopicsilicovolcanoconiosisPneumonoultramicroscopic');
    await line('Pneumono').waitFor();
    await judge(page, '20-failed');
    await line('one that fails').locator('[data-part="discard"]').click();
    await part('options').click();
    await judge(page, '21-options');
    await page.keyboard.press('Escape');
    await page.locator('.scroll').evaluate(
      (scroll) =>
        new Promise((moved) => {
          scroll.addEventListener('scroll', moved, { once: true });
          scroll.scrollTo(0, 80);
        }),
    );
    gateway.says('Are you still there?');
    await part('down').waitFor();
    await judge(page, '22-further-up');
    await part('down').click();

    await part('close').click();
    gateway.says('I will wait.');
    await page.locator('.badge').waitFor();
    await judge(page, '23-unread');
    await part('launcher').click();
    await page.context().setOffline(true);
    await stage.write('Said without a network');
    await page.locator('[data-state="sending"]').waitFor();
    await judge(page, '24-offline');
    await page.context().setOffline(false);
    await page.locator('[data-state="sending"]').waitFor({ state: 'detached' });

    gateway.closes();
    await part('rating').waitFor();
    await part('rating').getByRole('radio').nth(3).check({ force: true });
    await judge(page, '25-rating');
    await part('send-rating').click();
    await until(() => gateway.of('rate').length === 1);
    await judge(page, '26-rated');

    gateway.refuse = 403;
    gateway.cut();
    await stage.write('One more thing');
    await part('status')
      .getByText(/not available|nicht|غير|لا/)
      .waitFor();
    await judge(page, '27-refused');
  });
}

test('a violation found by axe fails the test', async () => {
  await stage.page.addInitScript({ content: axe });
  // What is still fading in has not its colours yet.
  await stage.page.emulateMedia({ reducedMotion: 'reduce' });
  await stage.open();
  await stage.part('close').evaluate((button) => button.removeAttribute('aria-label'));
  expect(await violations(stage.page)).toEqual([expect.stringContaining('button-name')]);
});

const bound = {
  part: (name: string) => stage.part(name),
  line: (text: string) => stage.line(text),
};

/** A picture with a known size, in two colours. */
const PICTURE = readFileSync(new URL('shelf.png', import.meta.url));

async function violations(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: { run(what: unknown, how: unknown): Promise<Found> } };
    interface Found {
      violations: { id: string; nodes: { target: string[]; failureSummary: string }[] }[];
    }
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const found = await axe.run('couplet-chat', { runOnly: tags, resultTypes: ['violations'] });
    return found.violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id} at ${target.join(' ')}: ${failureSummary}`),
    );
  });
}

/** Targets that are too small (24 px, WCAG 2.2), and elements that stick out of the panel. */
function outsize(): string[] {
  const shadow = document.querySelector('couplet-chat')?.shadowRoot;
  const found: string[] = [];
  for (const one of shadow?.querySelectorAll<HTMLElement>(
    'button, select, input:not([type=file]), textarea',
  ) ?? []) {
    if (!one.offsetParent) continue;
    const { width, height } = one.getBoundingClientRect();
    if (width < 24 || height < 24) found.push(`${one.dataset.part ?? one.className}: ${width} × ${height}`);
  }
  const scroll = shadow?.querySelector('.scroll');
  if (scroll && scroll.scrollWidth > scroll.clientWidth) found.push('the log scrolls sideways');
  if (document.documentElement.scrollWidth > window.innerWidth) found.push('the page scrolls sideways');
  return found;
}
