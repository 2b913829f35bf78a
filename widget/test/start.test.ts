// The second script as the launcher starts it, against the test gateway: what the customer sees and
// does, from the button to the gateway and back.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import de from '../src/i18n/de';
import en from '../src/i18n/en';
import { fetchConfig } from '../src/launcher/config';
import { createHost, type Host } from '../src/launcher/host';
import type { Settings } from '../src/launcher/settings';
import type { Call, Chat } from '../src/seam';
import { start } from '../src/start';
import { Gateway } from './gateway';

let gateway: Gateway;
let host: Host;
let chat: Chat;
let told: [string, unknown][];

beforeEach(async () => {
  localStorage.clear();
  sessionStorage.clear();
  gateway = new Gateway();
  await gateway.listen();
  told = [];
});

afterEach(async () => {
  chat.destroy();
  host.remove();
  await gateway.close();
});

function begin(calls: Call[] = [['open']], more: Partial<Settings> = {}): void {
  const settings: Settings = {
    ...{ gateway: gateway.url, tenant: 'demo', theme: 'auto', position: 'right' },
    ...{ open: false, consentRequired: false, ...more },
  };
  const ask = () => fetchConfig(settings.gateway, 'demo');
  const emit = (name: string, ...detail: unknown[]) => void told.push([name, detail[0]]);
  const language = { key: 'en', tag: 'en-GB' };
  host = createHost(settings);
  host.button.addEventListener('click', () => chat.call('toggle'));
  chat = start({ settings, host, emit, config: ask(), ask, language, words: en }, calls);
}

const part = <E extends HTMLElement>(name: string) => host.shadow.querySelector<E>(`[data-part="${name}"]`);
const texts = () =>
  [...host.shadow.querySelectorAll('[data-part="text"]')].map(({ textContent }) => textContent);
const until = (check: () => boolean) => expect.poll(check, { timeout: 4000, interval: 10 }).toBe(true);

function write(text: string): void {
  const input = part<HTMLTextAreaElement>('composer');
  if (!input) throw new Error('no composer');
  input.value = text;
  input.dispatchEvent(new Event('input'));
  input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', cancelable: true, bubbles: true }));
}

test('opening takes the focus; closing returns it', async () => {
  const link = document.createElement('a');
  link.href = '#';
  document.body.append(link);
  link.focus();
  begin();
  expect(host.shadow.activeElement).toBe(part('composer'));
  expect(host.button.getAttribute('aria-expanded')).toBe('true');
  expect(host.button.getAttribute('aria-label')).toBe(en.close);
  part('composer')?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  expect(part('panel')?.hidden).toBe(true);
  expect(document.activeElement).toBe(link);
  link.remove();
});

test('a panel opened by the page leaves the focus where it is', () => {
  begin([['open', true]]);
  expect(part('panel')?.hidden).toBe(false);
  expect(host.shadow.activeElement).toBeNull();
});

test('a conversation, to the rating', async () => {
  begin();
  write('hello');
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  gateway.says('<script>alert(1)</script>');
  await until(() => texts().length === 2);
  expect(texts()).toEqual(['hello', '<script>alert(1)</script>']);
  expect(host.shadow.querySelector('script')).toBeNull();
  expect(part('status')?.textContent).toBe('You are talking to Ann');
  gateway.closes();
  await until(() => part('rating')?.hidden === false);
  host.shadow.querySelectorAll<HTMLInputElement>('input[name="score"]')[4]?.click();
  part<HTMLFormElement>('rating')?.requestSubmit();
  await until(() => gateway.of('rate').length === 1);
  expect(told.map(([name]) => name)).toContain('rating');
});

test('messages received while it is closed are counted on the button', async () => {
  begin([['send', 'hello']]);
  await until(() => gateway.conversations.length === 1);
  gateway.join('Ann');
  gateway.says('hi');
  await until(() => host.button.getAttribute('aria-label') === 'Open chat, 1 unread message');
  expect(host.button.textContent).toBe('1');
  host.button.click();
  expect(host.button.getAttribute('aria-label')).toBe(en.close);
  await until(() => gateway.of('read').length === 1);
});

test('the customer is identified before the first message', async () => {
  begin([
    ['send', 'hello'],
    ['setCustomer', { name: 'Kim' }],
    ['identify', 'jwt'],
  ]);
  await until(() => gateway.of('message').length === 1);
  expect(gateway.of('hello')).toHaveLength(1);
  expect(gateway.of('hello')[0]).toMatchObject({ identity: 'jwt' });
  expect(gateway.of('start')[0]).toMatchObject({ answers: { name: 'Kim' } });
});

test('without consent nothing is stored and no socket is opened', async () => {
  let sockets = 0;
  class Counted extends WebSocket {
    constructor(...given: ConstructorParameters<typeof WebSocket>) {
      super(...given);
      sockets += 1;
    }
  }
  vi.stubGlobal('WebSocket', Counted);
  begin([['open']], { consentRequired: true });
  const agree = part<HTMLButtonElement>('consent');
  expect(part('composer')?.closest('form')?.hidden).toBe(true);
  expect(host.shadow.activeElement).toBe(agree);
  expect([localStorage.length, sockets]).toEqual([0, 0]);
  agree?.click();
  write('now');
  await until(() => gateway.of('message').length === 1);
  expect(localStorage.length).toBeGreaterThan(0);
  vi.unstubAllGlobals();
});

test('a change of language keeps the draft', () => {
  begin();
  const input = part<HTMLTextAreaElement>('composer');
  if (input) input.value = 'half a thought';
  chat.setLanguage({ key: 'de', tag: 'de' }, de);
  expect(part<HTMLTextAreaElement>('composer')?.value).toBe('half a thought');
  expect(part('panel')?.lang).toBe('de');
  expect(host.shadow.querySelectorAll('[data-part="panel"]')).toHaveLength(1);
});

test('on a small screen the focus goes round in the panel', () => {
  vi.spyOn(window, 'matchMedia').mockImplementation((media) => ({ media, matches: true }) as MediaQueryList);
  vi.spyOn(HTMLElement.prototype, 'offsetParent', 'get').mockReturnValue(document.body);
  begin();
  expect(part('panel')?.getAttribute('aria-modal')).toBe('true');
  const first = part('end') as HTMLElement;
  first.focus();
  const tab = new KeyboardEvent('keydown', { key: 'Tab', shiftKey: true, bubbles: true, cancelable: true });
  first.dispatchEvent(tab);
  expect(tab.defaultPrevented).toBe(true);
  expect(host.shadow.activeElement).not.toBe(first);
});
