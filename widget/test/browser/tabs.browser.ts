// What is carried from page to page, what belongs to one tab, and what ends in all tabs at once.

import { expect, test } from 'vitest';
import { inBoth } from './both';
import { until } from './stage';

inBoth((both) => {
  const isOpen = async (page = both.page) => (await both.shown('[data-part="panel"]', page)).length > 0;
  const kept = (page = both.page) => page.evaluate(() => [localStorage.length, sessionStorage.length]);
  const hasWidget = (page = both.page) => page.evaluate(() => !!document.querySelector('couplet-chat'));

  test('the panel and a draft survive navigation and a reload', async () => {
    const { page, gateway } = both;
    gateway.config.form = [{ name: 'name' }, { name: 'order', label: 'Order' }];
    both.host('/', { body: '<a id="next" href="/next">Next</a>' });
    both.host('/next');
    await both.open();
    await both.part('composer').click();
    await page.keyboard.type('half a sen');
    await page.evaluate(() => {
      const shadow = document.querySelector('couplet-chat')?.shadowRoot;
      shadow?.querySelector<HTMLElement>('[name="order"]')?.focus();
    });
    await page.keyboard.type('17');
    await page.click('#next');
    await until(() => isOpen());
    expect(await page.evaluate(() => location.pathname)).toBe('/next');
    expect(await both.value()).toBe('half a sen');
    // The customer has not interacted with this page yet, so the page keeps the focus.
    expect(await both.focused()).toBeUndefined();
    await page.reload();
    await until(() => isOpen());
    await both.part('composer').click();
    await both.keys('End');
    await page.keyboard.type('tence');
    await both.part('send').click();
    await until(() => gateway.of('message').length === 1);
    expect(gateway.of('message')[0]?.text).toBe('half a sentence');
    expect(gateway.of('start')[0]?.answers).toEqual({ order: '17' });
    const other = await both.newPage();
    await other.goto(gateway.url);
    await both.seen('launcher', other);
    await page.bringToFront();
    await both.part('close').click();
    await page.goto(gateway.url);
    await both.seen('launcher');
    await until(async () => gateway.sockets === 2);
    expect([await isOpen(), await isOpen(other)]).toEqual([false, false]);
    expect(await both.value()).toBeUndefined();
    await both.part('launcher').click();
    await both.seen('composer');
    expect(await both.value()).toBe('');
  });

  test('what the page opens and the customer closes stays closed in this tab', async () => {
    const { page, gateway } = both;
    both.host('/', { attributes: 'data-open' });
    await page.goto(gateway.url);
    await until(() => isOpen());
    await page.reload();
    await until(() => isOpen());
    await both.part('close').click();
    await page.reload();
    await page.waitForNetworkIdle();
    expect(gateway.requests.filter((path) => path === 'GET /couplet-chat.js')).toHaveLength(3);
    expect(await isOpen()).toBe(false);
  });

  test('a prerendered page opens nothing until it is shown', async () => {
    const { page, gateway } = both;
    const head = `<script nonce="n">
      Object.defineProperty(document, 'prerendering', { value: true, configurable: true });
    </script>`;
    both.host('/', { head, attributes: 'data-open' });
    await page.goto(gateway.url);
    await page.waitForNetworkIdle();
    expect(gateway.requests.filter((path) => path.includes('/v1/'))).toEqual([]);
    expect(gateway.heard).toEqual([]);
    await page.evaluate(() => {
      Object.defineProperty(document, 'prerendering', { value: false });
      document.dispatchEvent(new Event('prerenderingchange'));
    });
    await until(() => gateway.sockets === 1);
  });

  test('shutdown ends every tab, and none of them writes anything back', async () => {
    const { page, gateway } = both;
    await both.open();
    await both.write('a secret');
    await until(() => gateway.conversations.length === 1);
    gateway.join('Ann');
    const other = await both.newPage();
    await other.goto(gateway.url);
    await until(() => gateway.sockets === 2);
    await both.part('launcher', other).click();
    await both.seen('composer', other);
    await both.part('composer', other).fill('a draft');
    await page.bringToFront();
    await page.evaluate(() => window.Couplet?.shutdown?.());
    await until(() => gateway.sockets === 0);
    gateway.says('for the one before');
    await until(async () => !(await hasWidget(other)));
    expect(await hasWidget()).toBe(false);
    // What browsers do to a page that comes back must not restart what has ended.
    for (const tab of [page, other]) {
      await tab.bringToFront();
      await tab.evaluate(() => {
        for (const name of ['online', 'focus', 'pageshow']) window.dispatchEvent(new Event(name));
        document.dispatchEvent(new Event('visibilitychange'));
      });
    }
    expect([await kept(), await kept(other)]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(gateway.sockets).toBe(0);
    // The next customer starts afresh, in either tab.
    const hellos = gateway.of('hello').length;
    await other.evaluate(() => window.Couplet?.open?.());
    await both.seen('composer', other);
    await until(() => gateway.sockets === 1);
    expect(gateway.of('hello')[hellos]?.session).toBeUndefined();
    expect(await both.texts(other)).toEqual([]);
    expect(await both.value(other)).toBe('');
    expect(await hasWidget()).toBe(false);
  });

  test('a tab that shows only the button forgets the customer, too', async () => {
    const { page, gateway } = both;
    await both.open();
    await both.write('hello');
    await until(() => gateway.conversations.length === 1);
    await both.part('end').click();
    await until(() => gateway.of('end').length === 1);
    const other = await both.newPage();
    await other.goto(gateway.url);
    await both.seen('launcher', other);
    await other.evaluate(() => window.Couplet?.setCustomer?.({ name: 'Kim' }));
    await page.evaluate(() => window.Couplet?.shutdown?.());
    await until(async () => !(await hasWidget(other)));
    await other.evaluate(() => window.Couplet?.send?.('somebody else'));
    await until(() => gateway.of('message').length === 2);
    expect(gateway.of('start')).toEqual([]);
  });
});
