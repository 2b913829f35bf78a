// The widget on other people's pages: strict, hostile, small; and customers who wait for an agent.

import { deepEqual, equal, ok } from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { Agent } from './support/converse.mjs';
import { Shop } from './support/shop.mjs';
import { Stage } from './support/stage.mjs';
import { Visitors } from './support/visitors.mjs';
import { Customer } from './support/widget.mjs';

/** Without animations, boxes are at their final places. */
const STILL = { reducedMotion: 'reduce' };
const PHONE = {
  ...STILL,
  viewport: { width: 390, height: 844 },
  deviceScaleFactor: 3,
  isMobile: true,
  hasTouch: true,
};

let shop;
let stage;
let visitors;
let alice;

before(async () => {
  shop = await Shop.open();
  const agents = [['alice'], ['bob', '--queue', 'binding', '--capacity', '1']];
  stage = await Stage.open({ agents, queues: [['binding', 'Binding']], origins: [shop.url] });
  visitors = await Visitors.open();
  alice = await Agent.login(visitors, stage, 'alice');
});
afterEach((play) => visitors.leave(play, alice.page.context()));
after(async () => {
  await visitors?.close();
  await stage?.close();
  await shop?.close();
});

async function talk(customer, question, answer) {
  await customer.says(question);
  await alice.takes();
  await alice.sees(question);
  await alice.says(answer);
  await customer.sees(answer);
}

test('places in the queue, once an agent is online', async () => {
  const gateway = stage.url;
  const url = shop.page('/binding', { gateway, attributes: 'data-queue="binding"' });
  const first = await Customer.arrive(visitors, url);
  const second = await Customer.arrive(visitors, url);
  await first.open();
  await first.says('I am first');
  // No agent of this queue is online: no place is shown, because the queue does not move.
  await first.isTold('Nobody is in right now. The answer comes here.');
  await second.open();
  await second.says('I am second');
  await second.isTold('Nobody is in right now. The answer comes here.');

  const bob = await Agent.login(visitors, stage, 'bob');
  await second.isTold('You are second in line');
  await bob.takes();
  await bob.sees('I am first');
  await bob.says('Welcome.');
  await first.isTold('You are talking to Bob');
  await second.isTold('You are first in line');
  await bob.says('!close');
  await first.isTold('This chat has ended');
  await bob.takes();
  await bob.sees('I am second');
  await bob.says('Your turn.');
  await second.isTold('You are talking to Bob');
  await second.seesAll(['I am second', 'Your turn.']);
});

test('a strict Content-Security-Policy is not touched', async () => {
  // The policy of docs/embedding.md; plus Trusted Types, for which the widget needs nothing.
  const socket = stage.url.replace('http', 'ws');
  const policy = [
    `default-src 'none'; script-src ${stage.url}; connect-src ${stage.url} ${socket}`,
    "require-trusted-types-for 'script'; trusted-types 'none'",
  ].join('; ');
  const customer = await Customer.arrive(visitors, shop.page('/strict', { gateway: stage.url, policy }));
  await customer.open();
  await talk(customer, 'Is it allowed here?', 'It is: https://halyard.example/strict');
  await customer.page.getByRole('link', { name: 'https://halyard.example/strict' }).waitFor();
  await customer.reloads();
  await customer.seesAll(['Is it allowed here?', 'It is: https://halyard.example/strict']);
  await customer.part('end').click();
  await customer.isTold('This chat has ended');
  deepEqual(visitors.faults, []);
  // The policy is in force: the page's own inline style is refused and reported.
  await customer.page.evaluate(() => document.body.setAttribute('style', 'color: red'));
  equal(visitors.faults.length, 1);
  visitors.faults.pop();
});

/**
 * Everything in the widget as it is drawn: one line per element with its box and computed style;
 * without variables, which draw nothing by themselves.
 */
const drawn = (customer) =>
  customer.page.evaluate(() => {
    const elements = document.querySelector('couplet-chat').shadowRoot.querySelectorAll('.root, .root *');
    return Array.from(elements).flatMap((element, at) => {
      const name = `${at} ${element.localName}.${element.getAttribute('class')}`;
      const { x, y, width, height } = element.getBoundingClientRect();
      const style = getComputedStyle(element);
      const lines = Array.from(style)
        .filter((property) => !property.startsWith('--'))
        .map((property) => `${name} ${property}: ${style.getPropertyValue(property)}`);
      return [`${name} at ${x} ${y} of ${width} ${height}`, ...lines];
    });
  });

const HOSTILE = `
  * { all: revert; margin: 9px !important; padding: 11px !important; border: 3px solid red !important;
    font: italic 40px/3 cursive !important; color: lime !important; background: black !important; float: left !important;
    position: static !important; letter-spacing: 9px !important; text-transform: uppercase !important;
    box-sizing: content-box !important; visibility: visible; cursor: wait !important; word-spacing: 2em !important; }
  html { font-size: 40px; direction: rtl; --paper: red; --accent: red; --line: red; --height: 30px; --top: 90px; }
  body { direction: rtl; text-align: right; line-height: 4; white-space: nowrap; writing-mode: vertical-rl; }
  couplet-chat { display: none !important; opacity: 0.1 !important; transform: scale(3) !important; z-index: -1 !important; }
  button, textarea, ol, li, header, form, section { display: inline !important; min-width: 300px !important; }
  #title, .panel, .root, .launcher, .message { display: none !important; }
`;

test("a hostile page's style stays out, and the widget's stays in", async () => {
  const gateway = stage.url;
  const page = (path, style) => shop.page(path, { gateway, style });
  const [plain, hostile] = await Promise.all(
    [page('/plain', ''), page('/hostile', HOSTILE)].map((url) => Customer.arrive(visitors, url, STILL)),
  );
  const own = (customer) =>
    customer.page.evaluate(() =>
      ['h1', 'a', 'body > button, p > button'].map(
        (name) => getComputedStyle(document.querySelector(name)).color,
      ),
    );
  await hostile.part('launcher').waitFor();
  const before = await own(hostile);
  for (const customer of [plain, hostile]) {
    await customer.open();
    await customer.composer.fill('What is it like here?');
    await customer.page.mouse.move(0, 0);
  }
  const [wanted, got] = [await drawn(plain), await drawn(hostile)];
  const plainly = new Set(wanted);
  ok(wanted.length > 5_000);
  deepEqual(
    got.filter((line) => !plainly.has(line)),
    [],
  );
  deepEqual(await own(hostile), before);
  await talk(hostile, 'What is it like here?', 'Loud.');
});

test('on a phone the chat is the whole screen, and Enter breaks the line', async () => {
  const customer = await Customer.arrive(visitors, stage.url, PHONE);
  await customer.open();
  const box = await customer.part('panel').boundingBox();
  deepEqual(box, { x: 0, y: 0, width: 390, height: 844 });
  equal(await customer.part('launcher').isVisible(), false);
  await customer.page.setViewportSize({ width: 844, height: 390 });
  deepEqual(await customer.part('panel').boundingBox(), { x: 0, y: 0, width: 844, height: 390 });
  await customer.page.setViewportSize(PHONE.viewport);
  await customer.composer.pressSequentially('One line');
  await customer.composer.press('Enter');
  await customer.composer.pressSequentially('and another');
  // With a smaller font, phones zoom into the field.
  equal(await customer.composer.evaluate((field) => getComputedStyle(field).fontSize), '16px');
  await customer.part('send').tap();
  await customer.seesAll(['One line\nand another']);
  await alice.takes();
  await alice.sees('One line\nand another');
  await alice.says('So I see.');
  await customer.sees('So I see.');
  // Nothing sticks out, and all targets are large enough (WCAG 2.2, 24 by 24).
  equal(await customer.page.evaluate(() => document.documentElement.scrollWidth), 390);
  for (const button of await customer.page.locator('couplet-chat button:visible').all()) {
    const { width, height } = await button.boundingBox();
    ok(width >= 24 && height >= 24, `${await button.getAttribute('data-part')}: ${width} by ${height}`);
  }
  await customer.part('close').tap();
  await customer.part('launcher').waitFor();
  await alice.says('Are you there?');
  await customer.page.getByRole('button', { name: 'Open chat, 1 unread message' }).waitFor();
});
