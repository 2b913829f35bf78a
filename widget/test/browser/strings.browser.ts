// The list of naughty strings, and attack payloads, wherever the widget shows a text: the text is
// shown as it is, and nothing runs. The page has no policy that would stop it.

import { createRequire } from 'node:module';
import { beforeEach, expect, test } from 'vitest';
import { setStage, until } from './stage';

const stage = setStage();

const NAUGHTY: string[] = createRequire(import.meta.url)('big-list-of-naughty-strings');
/** These run if a text is taken for markup, an address, an attribute, a style or a template. */
const PAYLOADS = [
  '<script>alert(1)</script>',
  '"><script>alert(1)</script>',
  '</textarea><script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '"><img src=x onerror=alert(1)>',
  "'onmouseover='alert(1)",
  '<svg onload=alert(1)>',
  '<svg><animate onbegin=alert(1) attributeName=x dur=1s>',
  '<iframe srcdoc="<script>parent.alert(1)</script>"></iframe>',
  '<details open ontoggle=alert(1)>',
  '<style>@import "javascript:alert(1)"</style>',
  '<style>*{display:none!important}</style>',
  '<base href="https://evil.example/">',
  '<a href="javascript:alert(1)">x</a>',
  'javascript:alert(1)',
  'JaVaScRiPt:alert(1)',
  'data:text/html,<script>alert(1)</script>',
  'https://a.example/"onmouseover="alert(1)',
  'https://a.example/<script>alert(1)</script>',
  'https://[',
  'http://\u202Eelpmaxe.live',
  '{{constructor.constructor("alert(1)")()}}',
  '$' + '{alert(1)}',
  '<template shadowrootmode="open"><script>alert(1)</script></template>',
  '<math><mtext><table><mglyph><style><!--</style><img src onerror=alert(1)>',
  '__proto__',
  'constructor',
  '{0} # {1}',
  '\u0000<b>\u0007',
  '\ud800 alone',
  `${'\u0301'.repeat(300)}`,
  '\u2066\u2067\u202e right to left',
];
const ALL = [...new Set([...NAUGHTY, ...PAYLOADS])].filter((text) => text.trim() !== '');
/**
 * Sent one after the other, each after the reply to the one before: a third of the list, and all
 * payloads.
 */
const SOME = ALL.filter((text, at) => at % 3 === 0 || PAYLOADS.includes(text));
/** The elements that the widget creates; any other would have come out of a text. */
const OWN =
  /^(style|div|button|svg|path|rect|section|header|h2|p|span|i|ol|ul|li|a|form|fieldset|legend|label|input|select|option|textarea|canvas|progress|bdi)$/;

beforeEach(() => {
  stage.host('/', { policy: '', attributes: 'data-locale="en"' });
});

/**
 * Checks that there is no foreign element, no handler or address that runs, and nothing wider than
 * the panel.
 */
async function isClean(): Promise<void> {
  const tooWide = ({ scrollWidth, clientWidth }: Element) => scrollWidth - clientWidth;
  expect(await stage.page.locator('.scroll').evaluate(tooWide)).toBe(0);
  const strange = await stage.page.evaluate((own) => {
    const found: string[] = [];
    const shadow = document.querySelector('couplet-chat')?.shadowRoot;
    for (const element of shadow?.querySelectorAll('*') ?? []) {
      if (!new RegExp(own).test(element.localName)) found.push(element.outerHTML);
      for (const { name, value } of element.attributes) {
        const runs = name.startsWith('on') || name === 'style' || name === 'srcdoc';
        if (runs || (/^(href|src|action)$/.test(name) && !/^https?:/.test(value)))
          found.push(`${name}=${value}`);
      }
    }
    return found;
  }, OWN.source);
  expect(strange).toEqual([]);
}

/** A text as it is sent to the gateway: what is not valid Unicode is replaced. */
const sent = (text: string) => text.replace(/\p{Surrogate}/gu, '\ufffd');

test("an agent's messages, names, files, quotes and headings", async () => {
  const { gateway, page } = stage;
  gateway.config.name = PAYLOADS[0];
  await stage.open();
  await stage.write('hello');
  await until(() => gateway.conversations.length === 1);
  ALL.forEach((text, at) => {
    if (at % 25 === 0) gateway.join(text);
    gateway.types(true);
    const file = {
      id: `f${at}`,
      name: text,
      type: 'image/png',
      size: 1,
      url: PAYLOADS[at % PAYLOADS.length],
    };
    gateway.says(text, { reply_to: at ? gateway.current.log.length : 1, files: [file] });
  });
  await until(async () => (await stage.texts()).length === ALL.length + 1);
  expect((await stage.texts()).slice(1)).toEqual(ALL);
  const names = await page.locator('.file').allTextContents();
  expect(names).toEqual(ALL.map((text) => `${text} (1 byte)`));
  await isClean();
  const script = ALL.indexOf(PAYLOADS[0] ?? '');
  gateway.config.name = '';
  expect(await stage.part('panel').locator('h2').textContent()).toBe(PAYLOADS[0]);
  expect(script).toBeGreaterThan(-1);
});

test("a customer's messages, typed and sent by the page", async () => {
  const { gateway, page } = stage;
  await stage.talk();
  await page.evaluate((all) => {
    for (const text of all) window.Couplet?.send?.(text);
  }, SOME);
  await until(() => gateway.current.log.length === SOME.length + 2);
  expect(
    gateway
      .of('message')
      .slice(1)
      .map(({ text }) => text),
  ).toEqual(SOME.map(sent));
  await until(async () => (await page.locator('[data-state="sent"]').count()) === SOME.length + 1);
  expect((await stage.texts()).slice(1)).toEqual(SOME.map(sent));
  for (const text of PAYLOADS.slice(0, 8)) {
    await stage.write(text);
    await stage.line(text).last().waitFor();
  }
  await page.reload();
  await until(async () => (await stage.texts()).length > 40);
  expect((await stage.texts()).slice(-8)).toEqual(PAYLOADS.slice(0, 8));
  await isClean();
});

test('questions, queues, answers, buttons, forms and the titles of pages', async () => {
  const { gateway, page } = stage;
  const texts = PAYLOADS.map(sent);
  Object.assign(gateway.config, {
    name: '<b>Shop</b>',
    queues: texts.map((name, at) => ({ key: at ? `q${at}` : 'default', name })),
    form: texts.slice(0, 8).map((label, at) => ({ name: `field${at}`, label })),
  });
  await page.addInitScript(() => {
    document.addEventListener('DOMContentLoaded', () => {
      document.title = '<img src=x onerror=alert(1)>';
    });
  });
  await stage.open();
  const fields = page.locator('.question input');
  await until(async () => (await fields.count()) === 8);
  for (const [at, text] of texts.slice(0, 8).entries()) await fields.nth(at).fill(text);
  await stage.write('hello');
  await until(() => gateway.of('start').length === 1);
  expect(Object.values(gateway.of('start')[0]?.answers ?? {})).toEqual(texts.slice(0, 8));
  expect(gateway.heard[0]?.page.title).toBe('<img src=x onerror=alert(1)>');
  gateway.join('Ann');
  gateway.says('Which?', { buttons: texts.map((label, at) => ({ label, value: `b${at}` })) });
  const buttons = page.locator('[data-part="choice"]');
  await until(async () => (await buttons.count()) === texts.length);
  expect(await buttons.allTextContents()).toEqual(texts);
  await isClean();
  await buttons.nth(3).click();
  await stage.line(texts[3] ?? '').waitFor();
  gateway.says('And this?', {
    form: texts.map((label, at) => ({ name: `n${at}`, label })),
  });
  await page
    .locator('.offer input')
    .nth(1)
    .fill(texts[0] ?? '');
  await isClean();
  await stage.part('submit').click();
  await until(() => gateway.of('choice').length === 2);
  expect(gateway.of('choice')[1]?.value).toEqual({ n1: texts[0] });
  gateway.closes();
  await stage.part('rating').waitFor();
  await isClean();
});
