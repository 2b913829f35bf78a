// Calls from the page with too much data or with nonsense, in Chromium and in Firefox.

import { expect, test } from 'vitest';
import { inBoth } from './both';
import { until } from './stage';

inBoth((both) => {
  const said = () => both.gateway.of('message').map(({ text }) => text);

  /** A page that queues its calls for the script, as documented. */
  function calls(script: string): void {
    const head = `<script nonce="n">
      window.told = [];
      window.Couplet ??= function () { (Couplet.q ??= []).push(arguments); };
      Couplet('on', 'error', (detail) => told.push(detail.code));
      ${script}
    </script>`;
    both.host('/', { head });
  }
  const told = () => both.page.evaluate('window.told');

  test('70,000 characters close no socket, are reported in place, and block nothing', async () => {
    const { gateway, page } = both;
    calls(`Couplet('setCustomer', { blob: 'b'.repeat(70_000), name: 'Kim' });
      Couplet('send', 'x'.repeat(70_000)); Couplet('send', 'after it'); Couplet('open');`);
    await page.goto(gateway.url);
    await until(() => said().includes('after it'));
    expect(gateway.of('start')[0]?.answers.name).toBe('Kim');
    expect(await told()).toEqual(['too_large', 'too_large']);
    expect(await both.shown('.failure span')).toEqual(['Not sent. Too long by 62,000 characters ']);
    expect(await both.shown('[data-part="retry"]')).toEqual([]);
    both.host();
    await page.reload();
    await until(() => gateway.of('hello').length === 2);
    await page.evaluate(() => window.Couplet?.open?.());
    await both.seen('composer');
    await both.write('and after a reload');
    await until(() => said().length === 2);
    expect(gateway.tooLarge).toBe(0);
    expect(said()).toEqual(['after it', 'and after a reload']);
  });

  test('a start that is wrong in part keeps queue and name', async () => {
    const { gateway, page } = both;
    calls(`Couplet('start', { queue: 'sales', subject: 's'.repeat(300),
      answers: { name: 'Kim', note: 'n'.repeat(1_001), ...Object.fromEntries([...Array(40).keys()].map((k) => ['k' + k, k])) } });`);
    await page.goto(gateway.url);
    await until(() => gateway.of('start').length === 1);
    await both.seen('composer');
    await both.write('hello');
    await until(() => said().length === 1);
    expect(gateway.taken).toMatchObject([
      { type: 'start', queue: 'sales', answers: { name: 'Kim' } },
      { type: 'message', text: 'hello' },
    ]);
  });

  test('an unknown queue is the default one', async () => {
    const { gateway, page } = both;
    gateway.unknownQueues = ['nowhere'];
    calls(`Couplet('start', { queue: 'nowhere', answers: { name: 'Kim' } }); Couplet('send', 'hello');`);
    await page.goto(gateway.url);
    await until(() => said().length === 1);
    expect(gateway.of('start').map(({ queue, answers }) => [queue, answers.name])).toEqual([
      ['nowhere', 'Kim'],
      [undefined, 'Kim'],
    ]);
    expect(await told()).toEqual(['unknown_queue']);
  });

  test('bad calls before the script has loaded break nothing, and the console names each', async () => {
    const { gateway, page } = both;
    const errors: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text().split(':')[0] ?? '');
    });
    calls(`Couplet.q.push(null); Couplet('setCustomer', null); Couplet('identify'); Couplet('setPage', 7n);
      Couplet('send'); Couplet('send', {}); Couplet('start', 'sales'); Couplet('setTheme', 'pink');
      Couplet('setLocale', {}); Couplet('on', 'open'); Couplet('nonsense'); Couplet('send', 'hello');`);
    await page.goto(gateway.url);
    await until(() => said().length === 1);
    expect(said()).toEqual(['hello']);
    expect(await both.shown('[data-part="panel"]')).toEqual([]);
    await both.part('launcher').click();
    await both.seen('composer');
    await until(() => errors.filter((text) => text.startsWith('Couplet')).length >= 11);
    expect(errors.filter((text) => text.startsWith('Couplet')).sort()).toEqual(
      [
        ...['Couplet', 'Couplet', 'Couplet.identify', 'Couplet.on', 'Couplet.send', 'Couplet.send'],
        ...[
          'Couplet.setCustomer',
          'Couplet.setLocale',
          'Couplet.setPage',
          'Couplet.setTheme',
          'Couplet.start',
        ],
      ].sort(),
    );
  });
});
