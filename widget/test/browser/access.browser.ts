// Keyboard only, screen readers, zoom, and the customer's settings for colours and motion. What axe
// can check is in states.browser.ts.

import { expect, test } from 'vitest';
import { setStage, until } from './stage';

const stage = setStage();
const part = (name: string) => stage.part(name);

/** The part of the widget that has the focus; or, with its tag, the element of the page. */
const focused = () =>
  stage.page.evaluate(() => {
    const inner = document.activeElement?.shadowRoot?.activeElement as HTMLElement | null;
    return inner ? (inner.dataset.part ?? inner.localName) : document.activeElement?.localName;
  });

test('from the page to the reply and back, by keyboard alone', async () => {
  const { gateway, page } = stage;
  const { keyboard } = page;
  await page.goto(gateway.url);
  await part('launcher').waitFor();
  await keyboard.press('Tab');
  expect(await focused()).toBe('a');
  await keyboard.press('Tab');
  expect(await focused()).toBe('launcher');
  await keyboard.press('Enter');
  await part('panel').waitFor();
  await until(async () => (await focused()) === 'composer');
  await keyboard.type('first');
  await keyboard.press('Shift+Enter');
  await keyboard.type('of two lines');
  await keyboard.press('Enter');
  await until(() => gateway.of('message').length === 1);
  expect(gateway.of('message')[0]?.text).toBe('first\nof two lines');
  gateway.join('Ann');
  gateway.says('second');
  await stage.line('second').waitFor();

  // Backwards from the composer: the newest message first.
  await keyboard.press('Shift+Tab');
  expect(await focused()).toBe('more');
  await keyboard.press('Enter');
  expect(await focused()).toBe('reply');
  await keyboard.press('Enter');
  expect(await focused()).toBe('composer');
  await keyboard.type('third');
  await keyboard.press('Enter');
  await until(() => gateway.of('message').length === 2);
  expect(gateway.of('message')[1]).toMatchObject({ text: 'third', reply_to: 3 });

  await stage.line('first').locator('[data-part="more"]').press('Enter');
  await keyboard.press('Tab');
  expect(await focused()).toBe('edit');
  await keyboard.press('Enter');
  await keyboard.press('Control+A');
  await keyboard.type('first of all');
  await keyboard.press('Enter');
  await until(() => gateway.of('edit').length === 1);
  await stage.line('first of all').waitFor();

  await stage.line('third').locator('[data-part="more"]').press('Enter');
  await keyboard.press('End');
  await part('remove').press('Enter');
  expect(await part('remove').textContent()).toBe('Delete for everyone');
  await keyboard.press('Enter');
  await until(() => gateway.of('retract').length === 1);
  await page.locator('text=Message removed').waitFor();
  expect(await focused()).toBe('composer');

  // The emoji table is one tab stop; the arrow keys move within it.
  await part('emoji-button').press('Enter');
  await keyboard.press('ArrowRight');
  await keyboard.press('ArrowDown');
  await keyboard.press('Enter');
  expect(await part('composer').inputValue()).toBe('😕');
  expect(await focused()).toBe('composer');

  // Escape closes the topmost layer first, then the panel, and the focus returns to where it was.
  await part('options').press('Enter');
  await keyboard.press('Escape');
  expect(await part('options').getAttribute('aria-expanded')).toBe('false');
  await keyboard.press('Escape');
  await part('panel').waitFor({ state: 'hidden' });
  expect(await focused()).toBe('launcher');
  gateway.says('Are you there?');
  await page.getByRole('button', { name: 'Open chat, 1 unread message' }).waitFor();
});

test('Escape closes what was opened, layer by layer', async () => {
  const { gateway, page } = stage;
  await stage.talk();
  gateway.says('second');
  await stage.line('second').locator('[data-part="more"]').press('Enter');
  await part('reply').press('Enter');
  await part('aim').waitFor();
  await part('emoji-button').press('Enter');
  await page.keyboard.press('Escape');
  await part('emoji').waitFor({ state: 'hidden' });
  expect(await part('aim').isVisible()).toBe(true);
  await page.keyboard.press('Escape');
  await part('aim').waitFor({ state: 'hidden' });
  expect(await part('panel').isVisible()).toBe(true);
  await part('options').press('Enter');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Escape');
  expect(await focused()).toBe('options');
  expect(await part('panel').isVisible()).toBe(true);
  await page.keyboard.press('Escape');
  await part('panel').waitFor({ state: 'hidden' });
});

test('the options close when the customer moves on', async () => {
  await stage.talk();
  await part('options').click();
  await part('download').waitFor();
  await part('composer').click();
  await part('download').waitFor({ state: 'hidden' });
  await part('options').click();
  await part('sound').click();
  await part('sound').waitFor({ state: 'hidden' });
  await part('options').click();
  expect(await part('sound').textContent()).toBe('Turn sound on');
  expect(await part('sound').isVisible()).toBe(true);
});

test('on a phone the panel keeps the focus; beside the page it lets it go', async () => {
  const { page } = stage;
  await page.setViewportSize({ width: 390, height: 844 });
  await stage.talk();
  expect(await part('panel').getAttribute('aria-modal')).toBe('true');
  const seen = new Set<string | undefined>();
  for (let step = 0; step < 15; step += 1) {
    await page.keyboard.press('Tab');
    seen.add(await focused());
  }
  expect([...seen]).toEqual(expect.arrayContaining(['composer', 'options', 'close', 'end']));
  expect(seen).not.toContain('a');
  expect(seen).not.toContain('body');
  await part('close').click();
  await page.setViewportSize({ width: 1280, height: 800 });
  await part('launcher').click();
  expect(await part('panel').getAttribute('aria-modal')).toBeNull();
  const beside = new Set<string | undefined>();
  for (let step = 0; step < 15; step += 1) {
    await page.keyboard.press('Tab');
    beside.add(await focused());
  }
  expect(beside).toContain('a');
});

test('a panel that the page opens takes no focus, and gives it back to where it was', async () => {
  const { gateway, page } = stage;
  stage.host('/', { attributes: 'data-open', body: '<button id="help">Help</button>' });
  await page.goto(gateway.url);
  await part('panel').waitFor();
  expect(await focused()).toBe('body');
  await part('close').click();
  await page.locator('#help').focus();
  await page.evaluate(() => window.Couplet?.open?.());
  await until(async () => (await focused()) === 'composer');
  await page.keyboard.press('Escape');
  expect(await page.evaluate('document.activeElement.id')).toBe('help');
});

test('a screen reader announces what is new, once, and no history', async () => {
  const { gateway, page } = stage;
  await stage.talk('hello');
  gateway.says('one');
  await stage.line('one').waitFor();
  await until(async () => (await part('log').getAttribute('aria-live')) === 'polite');
  expect(await part('log').getAttribute('role')).toBe('log');
  expect(await part('log').getAttribute('aria-relevant')).toBe('additions');
  // One live region only: ticks, tools and offers inside the log are silent.
  expect(await page.locator('[role="log"] [aria-live="polite"], [role="log"] [role="status"]').count()).toBe(
    0,
  );

  // What is there when the page is reloaded is inserted silently.
  await page.addInitScript(() => {
    const watch = () => {
      const shadow = document.querySelector('couplet-chat')?.shadowRoot;
      const log = shadow?.querySelector('[role="log"]');
      if (!log) return void requestAnimationFrame(watch);
      const heard: string[] = [];
      Object.assign(window, { heard });
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes)
          for (const node of addedNodes)
            if (log.getAttribute('aria-live') === 'polite') heard.push(node.textContent ?? '');
      }).observe(log.querySelector('ol') ?? log, { childList: true });
    };
    watch();
  });
  await page.reload();
  await stage.line('one').waitFor();
  await until(async () => (await part('log').getAttribute('aria-live')) === 'polite');
  gateway.says('two');
  await stage.line('two').waitFor();
  const heard = (await page.evaluate('window.heard')) as string[];
  expect(heard.length).toBe(1);
  expect(heard[0]).toContain('two');
  // The author is read out with each message, although the name is visible once per group.
  expect(heard[0]).toContain('Ann');
  const names = stage.page.getByRole('listitem').filter({ hasText: 'two' });
  expect(await names.ariaSnapshot()).toContain('Ann');
});

for (const [zoom, width, height] of [
  ['200 %', 640, 400],
  ['400 %', 320, 256],
] as const) {
  test(`a page enlarged to ${zoom} keeps everything within reach`, async () => {
    await stage.newContext({ viewport: { width, height }, deviceScaleFactor: 1280 / width });
    stage.page = await stage.newPage();
    await stage.talk('a longer text, so that there is something to scroll: '.repeat(4));
    for (const name of ['close', 'options', 'composer', 'send']) {
      const box = await part(name).boundingBox();
      if (!box) throw new Error(`${name} is not there`);
      expect(box.x, name).toBeGreaterThanOrEqual(0);
      expect(box.y, name).toBeGreaterThanOrEqual(0);
      expect(box.x + box.width, name).toBeLessThanOrEqual(width);
      expect(box.y + box.height, name).toBeLessThanOrEqual(height);
    }
    const scroll = stage.page.locator('.scroll');
    expect(await scroll.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth)).toBe(0);
    expect(await scroll.evaluate(({ clientHeight }) => clientHeight)).toBeGreaterThan(40);
    await stage.write('still works');
    await until(() => stage.gateway.of('message').length === 2);
  });
}

test('text with wide spacing is not cut off', async () => {
  const { page } = stage;
  await stage.talk();
  // WCAG 1.4.12, as a customer's own style sheet or tool would set it.
  await page.evaluate(() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(
      '* { line-height: 1.5 !important; letter-spacing: .12em !important; word-spacing: .16em !important; }',
    );
    const shadow = document.querySelector('couplet-chat')?.shadowRoot;
    if (shadow) shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, sheet];
  });
  for (const name of ['status', 'end', 'text']) {
    const cut = await part(name)
      .first()
      .evaluate((e) => e.scrollWidth - e.clientWidth > 1 || e.scrollHeight - e.clientHeight > 1);
    expect(cut, name).toBe(false);
  }
});

test('forced colours: shapes that only have a fill get a border', async () => {
  const { gateway, page } = stage;
  await page.emulateMedia({ forcedColors: 'active' });
  await stage.talk();
  gateway.says('Good morning.');
  await stage.line('Good morning.').waitFor();
  for (const name of [
    '.launcher',
    '.send',
    '[data-from="agent"] .bubble',
    '[data-from="customer"] .bubble',
  ]) {
    const width = await page
      .locator(name)
      .first()
      .evaluate((element) => getComputedStyle(element).borderTopWidth);
    expect(width, name).not.toBe('0px');
  }
});

test('with reduced motion nothing moves', async () => {
  const { gateway, page } = stage;
  const running = () =>
    page.evaluate(() => document.querySelector('couplet-chat')?.shadowRoot?.getAnimations().length);
  await stage.talk();
  gateway.types(true);
  await part('typing').waitFor();
  expect(await running()).toBeGreaterThan(0);
  await page.emulateMedia({ reducedMotion: 'reduce' });
  expect(await running()).toBe(0);
  await part('close').click();
  await part('launcher').click();
  expect(await running()).toBe(0);
});
