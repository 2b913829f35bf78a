// The widget on other people's pages: strict, old, hostile, half blocked; pages that navigate,
// sleep and come back; and removal without a trace.

import { expect, test } from 'vitest';
import { setStage, until } from './stage';

const stage = setStage();
const part = (name: string) => stage.part(name);

/** The same server under another name, which to the browser is another site. */
const elsewhere = () => stage.gateway.url.replace('127.0.0.1', 'localhost');

test('a strict policy with a nonce and Trusted Types is not touched, and is in force', async () => {
  const { gateway, page } = stage;
  gateway.fileBytes = 1_000;
  await stage.talk('Is it allowed here?');
  gateway.says('It is: https://halyard.example/strict', { buttons: [{ label: 'Good', value: 'good' }] });
  await part('choice').click();
  await part('emoji-button').click();
  await page.keyboard.press('Escape');
  await part('files').setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('12345') });
  await stage.write('with a file');
  await until(() => gateway.of('message').length === 2);
  gateway.closes();
  await part('rating').waitFor();
  expect(stage.faults).toEqual([]);
  await page.evaluate(() => document.body.setAttribute('style', 'color: red'));
  await until(() => stage.faults.length > 0);
  stage.faults.length = 0;
});

test("a policy that names the gateway's origin will do as well", async () => {
  const { url } = stage.gateway;
  const policy = `default-src 'none'; script-src ${url}; connect-src ${url} ${url.replace('http', 'ws')}`;
  stage.host('/', { policy });
  await stage.talk();
});

test('a page that isolates itself (COEP, COOP) takes it from another site', async () => {
  const { gateway, page } = stage;
  const headers = {
    'cross-origin-embedder-policy': 'require-corp',
    'cross-origin-opener-policy': 'same-origin',
  };
  stage.host('/', { headers, policy: '', src: `${gateway.url}/couplet.js` });
  gateway.pages.set('/v1/demo/files/p/dot.png', { body: DOT, type: 'image/png' });
  await page.goto(elsewhere());
  expect(await page.evaluate('crossOriginIsolated')).toBe(true);
  await part('launcher').click();
  await stage.write('hello');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  const file = { id: 'p', name: 'dot.png', type: 'image/png', size: 70, url: '/v1/demo/files/p/dot.png' };
  gateway.says('', { files: [file] });
  await page.locator('.file canvas').waitFor({ state: 'attached' });
});

test('old frameworks and frozen prototypes do no harm', async () => {
  const { gateway } = stage;
  const head = `<script nonce="n">
    Array.prototype.toJSON = function () { return '[' + this.join() + ']'; };
    Array.prototype.reduce = function () { return this[0]; };
    Array.from = function (list) { return [].slice.call(list); };
    Element.prototype.remove = function () { this.parentNode.removeChild(this); return this; };
    Function.prototype.bind = function (self) { var f = this; return function () { return f.apply(self, arguments); }; };
    Object.prototype.extra = function () {};
    window.$ = window.$$ = window.jQuery = window._ = function () { throw new Error('not for others'); };
    for (const kind of [Object, Array, Function, String, Promise, Map, Set, Element, HTMLElement, EventTarget])
      Object.freeze(kind.prototype);
  </script>`;
  stage.host('/', { head });
  await stage.open();
  await part('files').setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('12345') });
  await part('tray').getByText('5 byte').waitFor();
  await stage.write('hello');
  await until(() => gateway.of('message').length === 1);
  expect(gateway.of('message')[0]).toMatchObject({ text: 'hello', files: ['f1'] });
});

/** What of the panel's edge is not compared. */
const EDGE_PX = 16;

test("a hostile page's style stays out", async () => {
  const { page } = stage;
  const style = `<style nonce="n">
    body * { all: revert; display: none !important; margin: 9px !important; font: italic 40px/3 cursive !important;
      color: lime !important; background: black !important; float: left !important; position: static !important;
      letter-spacing: 9px !important; text-transform: uppercase !important; opacity: 0.1 !important; }
    html { font-size: 40px; direction: rtl; writing-mode: vertical-rl; --paper: red; --accent: red; }
    couplet-chat { visibility: hidden !important; transform: scale(3) !important; z-index: -1 !important; }
  </style>`;
  const policy = `default-src 'none'; style-src 'nonce-n'; script-src 'nonce-n'; connect-src *`;
  const shots: string[] = [];
  const edges: string[] = [];
  for (const head of ['', style]) {
    stage.host('/', { head, policy });
    await page.emulateMedia({ reducedMotion: 'reduce' });
    await stage.open();
    await part('composer').fill('What is it like here?');
    await page.mouse.move(0, 0);
    // Where the corners are round the page behind is blended in, by a shade more or less each time: only
    // what lies within them is compared, and how they are drawn.
    const { x = 0, y = 0, width = 0, height = 0 } = (await part('panel').boundingBox()) ?? {};
    const clip = { x: x + EDGE_PX, y: y + EDGE_PX, width: width - 2 * EDGE_PX, height: height - 2 * EDGE_PX };
    edges.push(
      await part('panel').evaluate((panel) => {
        const { border, borderRadius, boxShadow } = getComputedStyle(panel);
        return [border, borderRadius, boxShadow].join();
      }),
    );
    shots.push((await page.screenshot({ clip, caret: 'hide', animations: 'disabled' })).toString('base64'));
    await part('close').click();
  }
  expect(edges[0]).toBe(edges[1]);
  expect(shots[0] === shots[1]).toBe(true);
});

test('a blocked script leaves the button, is reported, and is fetched again', async () => {
  const { page, gateway } = stage;
  await page.route('**/couplet-chat.js*', (route) => route.abort());
  await page.addInitScript(() => {
    window.Couplet ??= Object.assign((...args: unknown[]) => void stub.q.push(args), {
      q: [] as unknown[],
    }) as never;
    const stub = window.Couplet as unknown as { q: unknown[] };
    stub.q.push(['on', 'error', (detail: unknown) => Object.assign(window, { told: detail })]);
  });
  await page.goto(gateway.url);
  await part('launcher').click();
  await until(async () => (await page.evaluate('window.told?.code')) === 'unavailable');
  expect(await part('panel').count()).toBe(0);
  await page.unroute('**/couplet-chat.js*');
  await part('launcher').click();
  await part('panel').waitFor();
  await stage.write('at last');
  await until(() => gateway.of('message').length === 1);
});

test('without its configuration the button is there, and without a socket messages are kept', async () => {
  const { page, gateway } = stage;
  await page.route('**/v1/demo/config', (route) => route.abort());
  await page.routeWebSocket('**/ws', (socket) => socket.close());
  await stage.open();
  await stage.write('kept');
  await part('status').getByText('No connection').waitFor();
  expect(gateway.heard).toEqual([]);
  await page.locator('[data-state="sending"]').waitFor();
});

test('a page that replaces its body keeps the chat, and a second tag changes nothing', async () => {
  const { page, gateway } = stage;
  const again = '<script nonce="n" defer src="/couplet.js" data-tenant="demo"></script>';
  stage.host('/', { head: again, body: again });
  await stage.talk();
  await page.evaluate(() => {
    document.body = document.createElement('body');
  });
  await part('composer').waitFor();
  expect(await stage.texts()).toEqual(['hello']);
  expect(await page.locator('couplet-chat').count()).toBe(1);
  expect(gateway.sockets).toBe(1);
});

test('navigation within a page is reported, by path alone', async () => {
  const { page, gateway } = stage;
  await stage.talk();
  await page.evaluate(() => {
    history.pushState(null, '', '/notebooks?secret=1#top');
    document.title = 'Notebooks';
  });
  await until(() => gateway.of('page').length === 1);
  expect(gateway.of('page')[0]).toMatchObject({ url: `${gateway.url}/notebooks`, title: 'Notebooks' });
  await page.evaluate(() => history.replaceState(null, '', '/notebooks?secret=2'));
  await page.goBack();
  await until(() => gateway.of('page').length === 2);
  expect(gateway.of('page')[1]).toMatchObject({ url: `${gateway.url}/` });
});

test('a page in the back/forward cache closes its socket, and goes on when restored', async () => {
  const { page, gateway } = stage;
  gateway.pages.set('/next', { body: '<title>Next</title><h1>Next</h1>' });
  await stage.talk();
  await page.evaluate(() =>
    addEventListener('pageshow', ({ persisted }) => Object.assign(window, { persisted })),
  );
  await part('composer').fill('half a');
  await page.goto(`${gateway.url}/next`);
  await until(() => gateway.sockets === 0);
  gateway.says('Said meanwhile');
  await page.goBack({ waitUntil: 'commit' });
  await page.locator('text=Said meanwhile').waitFor();
  expect(await page.evaluate('window.persisted')).toBe(true);
  expect(await part('composer').inputValue()).toBe('half a');
  expect(await stage.texts()).toEqual(['hello', 'Said meanwhile']);
});

test('shutdown leaves nothing: no element, key, socket, listener or request', async () => {
  const { page, gateway } = stage;
  await page.goto(gateway.url);
  await part('launcher').waitFor();
  await page.evaluate(() => window.Couplet?.shutdown?.());
  const before = await listeners();
  await page.evaluate(() => window.Couplet?.open?.());
  await part('composer').waitFor();
  await stage.write('hello');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  gateway.says('Good morning.');
  await stage.line('Good morning.').waitFor();
  expect((await listeners()).length).toBeGreaterThan(before.length);
  await page.evaluate(() => window.Couplet?.shutdown?.());
  await until(() => gateway.sockets === 0);
  expect(await listeners()).toEqual(before);
  expect(await page.locator('couplet-chat').count()).toBe(0);
  expect(await page.evaluate('localStorage.length + sessionStorage.length + document.cookie.length')).toBe(0);
  expect(await page.evaluate('indexedDB.databases().then((all) => all.length)')).toBe(0);
  const heard = gateway.requests.length + gateway.heard.length;
  await page.evaluate(() => {
    for (const name of ['online', 'pageshow', 'focus', 'storage']) window.dispatchEvent(new Event(name));
    document.dispatchEvent(new Event('visibilitychange'));
    history.pushState(null, '', '/elsewhere');
  });
  await page.evaluate(() => new Promise((done) => setTimeout(done, 1_200)));
  expect(gateway.requests.length + gateway.heard.length).toBe(heard);
  expect(await page.title()).toBe('A page');

  /** The listeners on the window, the document and its navigation. */
  async function listeners(): Promise<string[]> {
    const session = await page.context().newCDPSession(page);
    const found: string[] = [];
    for (const expression of ['window', 'document', 'window.navigation', 'window.visualViewport']) {
      const { result } = await session.send('Runtime.evaluate', { expression });
      const objectId = result.objectId ?? '';
      const { listeners } = await session.send('DOMDebugger.getEventListeners', { objectId });
      found.push(...listeners.map(({ type }) => `${expression} ${type}`));
    }
    await session.detach();
    return found.sort();
  }
});

test('the only global is Couplet', async () => {
  const { page, gateway } = stage;
  gateway.pages.set('/bare', { body: '<title>Bare</title>' });
  await page.goto(`${gateway.url}/bare`);
  const without = new Set(await page.evaluate(() => Object.getOwnPropertyNames(window)));
  await stage.talk();
  const now = await page.evaluate(() => Object.getOwnPropertyNames(window));
  expect(now.filter((name) => !without.has(name))).toEqual(['Couplet']);
});

const DOT = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
