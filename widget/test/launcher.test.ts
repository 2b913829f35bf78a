// The first script: what it does before there is intent, what counts as intent, and that it leaves
// nothing behind. The chat it loads is a stub.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Couplet } from '../couplet';
import en from '../src/i18n/en';
import fr from '../src/i18n/fr';
import type { Call, Seam } from '../src/seam';

const load = vi.hoisted(() => vi.fn());
vi.mock('../src/launcher/load', () => ({ load }));

const chat = { call: vi.fn(), setLanguage: vi.fn(), destroy: vi.fn() };
const start = vi.fn((_: Seam, __: Call[]) => chat);
let config: Record<string, unknown>;
let status: number;
let asked: string[];

beforeEach(() => {
  localStorage.clear();
  sessionStorage.clear();
  document.title = 'A page';
  config = { name: 'Shop', color: '#aa0000', locale: 'en' };
  status = 200;
  asked = [];
  vi.stubGlobal('fetch', async (url: string) => {
    asked.push(url);
    return new Response(JSON.stringify(config), { status });
  });
  load.mockReset();
  load.mockImplementation(async (_: string, name: string) =>
    name === 'chat' ? { start } : { default: name === 'fr' ? fr : en },
  );
  for (const one of [start, ...Object.values(chat)]) one.mockClear();
});

afterEach(() => {
  window.Couplet?.shutdown?.();
  window.Couplet = undefined;
  for (const tag of document.querySelectorAll('script, couplet-chat')) tag.remove();
  vi.unstubAllGlobals();
});

/** Adds the script tag to the page and runs the script. */
async function embed(data: Record<string, string> = {}, early: unknown[][] = []): Promise<void> {
  for (const tag of document.querySelectorAll('script')) tag.remove();
  const script = document.createElement('script');
  Object.assign(script.dataset, { tenant: 'demo', ...data });
  script.src = 'https://chat.example/couplet.js';
  document.body.append(script);
  if (early.length > 0) window.Couplet = { q: early } as unknown as Couplet;
  vi.resetModules();
  await import('../src/launcher/main');
}

const host = () => document.querySelector('couplet-chat')?.shadowRoot;
const button = () => host()?.querySelector<HTMLButtonElement>('[data-part="launcher"]');
const shown = () => vi.waitFor(() => expect(button()).toBeTruthy());
const started = () => vi.waitFor(() => expect(start).toHaveBeenCalled());
const names = () => load.mock.calls.map(([, name]) => name);

test('before there is intent: the configuration, and one button', async () => {
  await embed();
  await shown();
  expect(asked).toEqual(['https://chat.example/v1/demo/config']);
  expect(load).not.toHaveBeenCalled();
  expect(button()?.getAttribute('aria-label')).toBe('Open chat');
  expect(button()?.getAttribute('aria-expanded')).toBe('false');
  expect(localStorage.length).toBe(0);
  expect(Object.keys(window).filter((name) => /couplet/i.test(name))).toEqual(['Couplet']);
});

test.each(['pointerenter', 'focus', 'pointerdown'])('%s on the button is intent', async (intent) => {
  await embed();
  await shown();
  button()?.dispatchEvent(new Event(intent));
  await started();
  expect(names()).toEqual(['chat', 'en']);
  button()?.dispatchEvent(new Event(intent));
  expect(load).toHaveBeenCalledTimes(2);
});

test('any number of clicks before the chat has loaded open it', async () => {
  await embed();
  await shown();
  button()?.click();
  button()?.click();
  await started();
  expect(start.mock.calls[0]?.[1]).toEqual([['open'], ['open']]);
  button()?.click();
  expect(chat.call).toHaveBeenCalledWith('toggle');
});

test('calls wait in order for the chat; only some of them load it', async () => {
  await embed({}, [['setCustomer', { name: 'Kim' }]]);
  await shown();
  expect(load).not.toHaveBeenCalled();
  window.Couplet?.('identify', 'jwt');
  window.Couplet?.send?.('hello');
  await started();
  expect(start.mock.calls[0]?.[1]).toEqual([
    ['setCustomer', { name: 'Kim' }],
    ['identify', 'jwt'],
    ['send', 'hello'],
  ]);
});

test('an open conversation is intent, a closed one is not, and consent comes first', async () => {
  localStorage.setItem('couplet:demo:session', '{"token":"t","customer":"c","open":false}');
  await embed();
  await shown();
  expect(load).not.toHaveBeenCalled();
  const newValue = '{"token":"t","customer":"c","open":true}';
  window.dispatchEvent(new StorageEvent('storage', { key: 'couplet:demo:session', newValue }));
  await started();
  window.Couplet?.shutdown?.();
  window.Couplet = undefined;
  load.mockClear();
  localStorage.setItem('couplet:demo:session', newValue);
  await embed({ consent: 'required' });
  window.dispatchEvent(new StorageEvent('storage', { key: 'couplet:demo:session', newValue }));
  await vi.waitFor(() => expect(asked).toHaveLength(2));
  expect(load).not.toHaveBeenCalled();
  localStorage.setItem('couplet:demo:session', newValue);
  (window.Couplet as Couplet | undefined)?.consent?.();
  await vi.waitFor(() => expect(start.mock.calls[1]?.[1]).toEqual([['consent']]));
});

test('of several setPage calls before the chat has loaded only the last one counts', async () => {
  await embed();
  for (const url of ['/a', '/b']) window.Couplet?.setPage?.(url);
  window.Couplet?.open?.();
  await started();
  expect(start.mock.calls[0]?.[1]).toEqual([['setPage', '/b'], ['open']]);
});

test('an element that shadows currentScript changes nothing', async () => {
  vi.spyOn(document, 'currentScript', 'get').mockReturnValue(document.createElement('img') as never);
  await embed();
  await shown();
  expect(asked).toEqual(['https://chat.example/v1/demo/config']);
});

test('an unsent message is intent', async () => {
  localStorage.setItem('couplet:demo:out:a', '{}');
  await embed();
  await started();
});

test('a blocked chat is reported to the page, and the next click retries at another address', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  const errors: unknown[] = [];
  await embed({}, [['on', 'error', (detail: unknown) => errors.push(detail)]]);
  await shown();
  load.mockRejectedValueOnce(new Error('blocked'));
  button()?.click();
  await vi.waitFor(() => expect(errors).toMatchObject([{ code: 'unavailable' }]));
  button()?.click();
  await started();
  expect(load.mock.calls.map(([, , attempt]) => attempt)).toEqual([0, 0, 1, 1]);
  expect(start.mock.calls[0]?.[1]).toEqual([['open'], ['open']]);
});

test('a refused page gets no button', async () => {
  vi.spyOn(console, 'warn').mockImplementation(() => {});
  status = 404;
  const errors: unknown[] = [];
  await embed({}, [['on', 'error', (detail: unknown) => errors.push(detail)]]);
  await vi.waitFor(() => expect(errors).toEqual([{ code: 'unknown_tenant' }]));
  expect(host()).toBeUndefined();
});

test('the colour is kept readable, the theme and the language follow the page', async () => {
  await embed({ theme: 'dark' });
  await shown();
  const root = host()?.querySelector('.root');
  expect(root?.getAttribute('data-theme')).toBe('dark');
  window.Couplet?.setTheme?.('light');
  expect(root?.getAttribute('data-theme')).toBe('light');
  window.Couplet?.setLocale?.('fr');
  expect(button()?.getAttribute('aria-label')).toBe(fr.open);
  window.Couplet?.open?.();
  await started();
  expect(names()).toEqual(['chat', 'fr']);
  window.Couplet?.setLocale?.('en');
  await vi.waitFor(() => expect(chat.setLanguage).toHaveBeenCalledWith({ key: 'en', tag: 'en' }, en));
});

test('a second script tag does nothing', async () => {
  await embed();
  await shown();
  const first = window.Couplet;
  await embed();
  expect(window.Couplet).toBe(first);
  expect(document.querySelectorAll('couplet-chat')).toHaveLength(1);
});

test('a page that replaces its body gets the widget back', async () => {
  await embed();
  await shown();
  const element = document.querySelector('couplet-chat');
  document.body = document.createElement('body');
  await vi.waitFor(() => expect(document.querySelector('couplet-chat')).toBe(element));
  element?.remove();
  await vi.waitFor(() => expect(document.querySelector('couplet-chat')).toBe(element));
});

test('shutdown leaves nothing, and a later call starts afresh', async () => {
  localStorage.setItem('couplet:demo:session', '{"open":true}');
  localStorage.setItem('page', 'its own');
  await embed();
  await started();
  window.Couplet?.shutdown?.();
  expect(chat.destroy).toHaveBeenCalledOnce();
  expect(host()).toBeUndefined();
  expect(Object.keys(localStorage)).toEqual(['page']);
  window.Couplet?.open?.();
  await vi.waitFor(() => expect(start).toHaveBeenCalledTimes(2));
  expect(document.querySelectorAll('couplet-chat')).toHaveLength(1);
});

test('the first browser language that the widget speaks counts', async () => {
  vi.spyOn(navigator, 'languages', 'get').mockReturnValue(['nb-NO', 'fr-CA', 'en']);
  vi.spyOn(navigator, 'language', 'get').mockReturnValue('nb-NO');
  await embed();
  await shown();
  expect(button()?.getAttribute('aria-label')).toBe(fr.open);
});
