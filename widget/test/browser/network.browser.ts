// Bad networks: lost, late, duplicated and cut connections, long outages; pages that are frozen,
// reloaded or open twice. In the end both sides hold the same messages, none twice.

import { expect, test } from 'vitest';
import { setStage, until } from './stage';

const stage = setStage();
/** `STORM_SECONDS=600` runs it for ten minutes; the number of messages stays the same. */
const SECONDS = Number(process.env.STORM_SECONDS ?? 60);
const EVERY_MS = (SECONDS * 1_000) / 120;

/** A small random number generator with a fixed seed, so that every storm is the same. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const said = () =>
  stage.gateway.current.log.filter(({ kind }) => kind === 'message').map(({ text }) => text as string);

test(
  `${SECONDS} seconds over a link that is cut every 5 s, loses 20 % of frames, delays and doubles`,
  async () => {
    const { gateway, page } = stage;
    await stage.talk('n0');
    const random = dice(1);
    gateway.weather = () => ({ lost: random() < 0.2, doubled: random() < 0.1, late: random() * 40 });
    const cuts = setInterval(() => gateway.cut(), 5_000);
    const end = Date.now() + SECONDS * 1_000;
    let count = 0;
    const through = () => said().filter((text) => text.startsWith('n')).length;
    // The conversation goes on during the storm, not only after it. A busy machine takes longer.
    while (Date.now() < end || through() <= 10) {
      count += 1;
      await page.evaluate((text) => window.Couplet?.send?.(text), `n${count}`);
      gateway.says(`m${count}`);
      await page.waitForTimeout(EVERY_MS);
    }
    clearInterval(cuts);
    expect(gateway.of('hello').length).toBeGreaterThan(5);
    gateway.weather = undefined;
    gateway.cut();
    await until(() => said().length === 2 * count + 1);
    await until(async () => (await stage.texts()).length === said().length);
    expect(await stage.texts()).toEqual(said());
    const mine = said().filter((text) => text.startsWith('n'));
    expect(mine).toEqual(Array.from({ length: count + 1 }, (_, n) => `n${n}`));
  },
  (SECONDS + 40) * 1_000,
);

test('a reload resumes, and a lost network neither loses nor duplicates a message', async () => {
  const { gateway, page } = stage;
  await stage.talk('one');
  gateway.loseAcks = true;
  await stage.write('two');
  await until(() => gateway.current.log.length === 3);
  gateway.loseAcks = false;
  gateway.cut();
  gateway.says('while you were away');
  await stage.line('while you were away').waitFor();
  expect(await stage.texts()).toEqual(['one', 'two', 'while you were away']);
  // What the welcome shows to be stored is not sent again: a gateway without an owner would have the
  // next command wait for it.
  expect(gateway.of('message').filter(({ text }) => text === 'two').length).toBe(1);
  await page.reload();
  await until(() => gateway.sockets === 1);
  await stage.line('while you were away').waitFor();
  expect(await stage.texts()).toEqual(['one', 'two', 'while you were away']);
  expect(gateway.conversations.length).toBe(1);
});

test('messages written offline outlive their page, and are sent once', async () => {
  const { page, context } = stage;
  await stage.talk('one');
  await context.setOffline(true);
  await stage.part('status').getByText('No connection').waitFor();
  await stage.write('two');
  await stage.write('three');
  await page.locator('[data-state="sending"]').nth(1).waitFor();
  await page.close();
  await context.setOffline(false);
  stage.page = await stage.newPage();
  const other = await stage.newPage();
  await Promise.all([stage.open(), stage.open(other)]);
  for (const tab of [stage.page, other]) {
    await stage.line('three', tab).waitFor();
    await until(async () => (await stage.texts(tab)).length === 3);
    expect(await stage.texts(tab)).toEqual(['one', 'two', 'three']);
  }
  expect(said()).toEqual(['one', 'two', 'three']);
});

test('a restarted gateway finds everything as it was', async () => {
  const { gateway } = stage;
  await stage.talk('one');
  const port = Number(new URL(gateway.url).port);
  await gateway.close();
  await stage.write('two');
  await stage.part('status').getByText('No connection').waitFor();
  gateway.says('said by the agent');
  await gateway.listen(port);
  await until(() => said().includes('two'));
  await stage.line('said by the agent').waitFor();
  expect(await stage.texts()).toEqual(said());
});

test("behind a captive portal it waits, and ignores the portal's responses", async () => {
  const { gateway, page } = stage;
  await stage.talk('one');
  const portal = { status: 200, contentType: 'text/html', body: '<h1>Please log in</h1>' };
  await page.route('**/v1/**', (route) => route.fulfill(portal));
  gateway.refuse = 302;
  gateway.cut();
  await stage.write('two');
  await stage.part('status').getByText('No connection').waitFor();
  await page.waitForTimeout(1_500);
  gateway.refuse = 0;
  await page.unroute('**/v1/**');
  await until(() => said().includes('two'));
});

test('tabs are one customer, and what one has shown is not unread in another', async () => {
  const { gateway } = stage;
  await stage.talk('from the first');
  const other = await stage.newPage();
  await stage.open(other);
  await stage.line('from the first', other).waitFor();
  await stage.write('from the second', other);
  await stage.line('from the second').waitFor();
  await stage.part('close').click();
  gateway.says('Which of you is it?');
  await stage.line('Which of you', other).waitFor();
  await stage.page.getByRole('button', { name: 'Open chat', exact: true }).waitFor();
  expect(gateway.sockets).toBe(2);
  expect(gateway.conversations.length).toBe(1);
});

test('a page that was frozen catches up', async () => {
  const { gateway, page, context } = stage;
  await stage.talk('one');
  const session = await context.newCDPSession(page);
  await session.send('Page.setWebLifecycleState', { state: 'frozen' });
  gateway.cut();
  gateway.says('said to somebody asleep');
  await session.send('Page.setWebLifecycleState', { state: 'active' });
  await stage.line('said to somebody asleep').waitFor();
  expect(await stage.texts()).toEqual(['one', 'said to somebody asleep']);
});

test('a clock that is wrong by a year changes no order', async () => {
  const { gateway, page } = stage;
  await page.clock.install({ time: Date.now() - 365 * 86_400_000 });
  await stage.talk('one');
  gateway.says('two');
  await stage.line('two').waitFor();
  await stage.write('three');
  await until(() => said().length === 3);
  gateway.says('four');
  await stage.line('four').waitFor();
  expect(await stage.texts()).toEqual(['one', 'two', 'three', 'four']);
});

test('without consent nothing is stored and no socket is opened', async () => {
  const { gateway, page } = stage;
  stage.host('/', { attributes: 'data-consent="required"' });
  await stage.open();
  await stage.part('consent').waitFor();
  await page.waitForTimeout(200);
  expect(await page.evaluate('localStorage.length')).toBe(0);
  expect(gateway.heard).toEqual([]);
  await stage.part('consent').click();
  await stage.write('now');
  await until(() => gateway.of('message').length === 1);
});
