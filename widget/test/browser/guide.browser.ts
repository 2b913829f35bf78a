// The demo's pages about the widget: every example runs, and the chosen appearance is the one that
// is shown and written into the snippet.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { beforeEach, expect, test } from 'vitest';
import { setStage, until } from './stage';

const SITE = '../deploy/demo/site';
const TYPES: Record<string, string> = {
  css: 'text/css',
  js: 'text/javascript',
  html: 'text/html; charset=utf-8',
};
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

const stage = setStage();

beforeEach(() => {
  for (const name of readdirSync(SITE, { recursive: true, encoding: 'utf8' })) {
    const type = TYPES[name.split('.')[1] ?? ''];
    if (!type) continue;
    const path = `/${name}`.replace(/\/index\.html$/, '/');
    stage.gateway.pages.set(path, { body: readFileSync(`${SITE}/${name}`), type });
  }
  stage.gateway.config.queues = [
    { key: 'default', name: 'Orders' },
    { key: 'binding', name: 'Binding' },
  ];
});

test('every example runs, under the strictest of policies', async () => {
  const { gateway, page } = stage;
  await page.goto(`${gateway.url}/examples/`);
  const examples = page.locator('article');
  await until(async () => (await examples.count()) > 9);
  const frame = page.frameLocator('#frame');
  for (let at = 0; at < (await examples.count()); at += 1) {
    await examples.nth(at).getByRole('button').click();
    await until(() => page.frames().some((one) => one.url().endsWith(`example=${at}`)));
    await frame.locator('[data-part="launcher"]').waitFor({ state: 'attached' });
  }
  await examples.nth(2).getByRole('button').click();
  await frame.getByRole('button', { name: 'My order has not come' }).click();
  await until(() => gateway.of('start').length === 1);
  expect(gateway.of('start')[0]).toMatchObject({ subject: 'Order 1482', answers: { order: '1482' } });
  expect(await examples.nth(2).locator('pre').nth(1).textContent()).toContain("subject: 'Order 1482'");
});

test('the chosen appearance is shown, and written as a tag', async () => {
  const { gateway, page } = stage;
  await page.goto(`${gateway.url}/appearance/`);
  const frame = page.frameLocator('#frame');
  await frame.locator('[data-part="panel"]').waitFor();
  const tag = (more: string) =>
    `<script async src="${gateway.url}/couplet.js" data-tenant="demo"${more}></script>`;
  expect(await page.locator('#snippet').textContent()).toBe(tag(''));
  await page.getByLabel('Theme').selectOption('dark');
  await page.getByLabel('Side').selectOption('left');
  await page.getByLabel('A colour of your own').check();
  await page.getByLabel('Colour', { exact: true }).fill('#7a1fa2');
  await page.getByLabel('Language').selectOption('he');
  await page.getByLabel('Queue').selectOption('binding');
  await page.getByLabel('Open from the start').check();
  await page.getByLabel('Only after consent').check();
  const chosen =
    ' data-theme="dark" data-position="left" data-color="#7a1fa2" data-locale="he" data-queue="binding" data-open data-consent="required"';
  expect(await page.locator('#snippet').textContent()).toBe(tag(chosen));
  await frame.locator('[data-part="panel"][dir="rtl"]').waitFor();
  const fill = () =>
    frame.locator('[data-part="launcher"]').evaluate((b) => getComputedStyle(b).backgroundColor);
  await until(async () => (await fill()) === 'rgb(122, 31, 162)');
  const box = await frame.locator('[data-part="launcher"]').evaluate((b) => b.getBoundingClientRect().x);
  expect(box).toBeLessThan(100);
});

for (const path of ['/examples/', '/appearance/']) {
  test(`${path} keeps its columns and breaks no rule of axe`, async () => {
    const { gateway, page } = stage;
    await page.addInitScript({ content: axe });
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.goto(`${gateway.url}${path}`);
      await page.frameLocator('#frame').locator('[data-part="launcher"]').waitFor({ state: 'attached' });
      const [frame, ...parts] = await page.evaluate(() =>
        ['#frame', 'select', 'pre', 'button'].map((it) =>
          document.querySelector(it)?.getBoundingClientRect(),
        ),
      );
      for (const part of parts) expect(part?.right ?? 0).toBeLessThan(frame?.left ?? 0);
      await page.setViewportSize({ width: 390, height: 844 });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
      await page.setViewportSize({ width: 1280, height: 800 });
      if (process.env.LOOK)
        await page.screenshot({ path: `look/guide${path.replaceAll('/', '-')}${colorScheme}.png` });
      const found = await page.evaluate(async () => {
        const { axe } = window as unknown as { axe: { run(): Promise<{ violations: { id: string }[] }> } };
        return (await axe.run()).violations.map(({ id }) => id);
      });
      expect(found).toEqual([]);
    }
  });
}
