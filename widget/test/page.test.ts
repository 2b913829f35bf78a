// The side facing the host page: the script tag, the queue of early calls, the address.

import { afterEach, expect, test, vi } from 'vitest';
import type { Couplet } from '../couplet';
import { install, isInstalled } from '../src/launcher/api';
import { readSettings } from '../src/launcher/settings';
import { bare, currentPage } from '../src/page';
import { backoff } from '../src/socket';

afterEach(() => {
  window.Couplet = undefined;
});

function script(attributes: Record<string, string>): HTMLScriptElement {
  const element = document.createElement('script');
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

test('the script tag holds all settings, and its own address names the gateway', () => {
  const src = 'https://chat.example/couplet.js';
  const all = {
    src,
    'data-tenant': 'acme',
    'data-position': 'left',
    'data-open': '',
    'data-consent': 'required',
  };
  expect(readSettings(script(all))).toMatchObject({
    gateway: 'https://chat.example',
    tenant: 'acme',
    theme: 'auto',
    position: 'left',
    open: true,
    consentRequired: true,
  });
  for (const [at, gateway] of [
    ['https://chat.example/couplet.js?v=1', 'https://chat.example'],
    ['https://www.example/chat/couplet.js', 'https://www.example/chat'],
    ['https://www.example:8443/a/b/couplet.js#x', 'https://www.example:8443/a/b'],
  ] as const) {
    expect(readSettings(script({ ...all, src: at }))?.gateway).toBe(gateway);
  }
  expect(readSettings(script({ src }))).toBeUndefined();
  expect(readSettings(null)).toBeUndefined();
});

test('calls made before the script are made after it, in order', () => {
  const calls: unknown[] = [];
  window.Couplet = { q: [['open'], ['send', 'hello']] } as unknown as Couplet;
  install({ open: () => calls.push('open'), send: (text: string) => calls.push(text) });
  expect(calls).toEqual(['open', 'hello']);
  expect(isInstalled()).toBe(true);
});

test('no call throws into the page', () => {
  vi.spyOn(console, 'error').mockImplementation(() => {});
  const done: string[] = [];
  window.Couplet = { q: [['fail'], ['unknown'], undefined, [], ['valueOf'], ['work']] } as unknown as Couplet;
  install({
    fail() {
      throw new Error('a fault');
    },
    work: () => done.push('work'),
  });
  const said = vi.mocked(console.error).mock.calls.map(([text]) => text);
  expect(said[0]).toBe('Couplet.fail:');
  expect(said.slice(1).map((text) => /"(.*)"/.exec(text)?.[1])).toEqual([
    'unknown',
    'undefined',
    'undefined',
    'valueOf',
  ]);
  expect(done).toEqual(['work']);
});

test('query and fragment stay in the browser', () => {
  expect(currentPage().url).toBe('https://shop.example/cart');
  expect(bare('/checkout?card=1')).toBe('https://shop.example/checkout');
});

test('the wait is random, bounded, and never below what the gateway asked', () => {
  expect(backoff(0, 0, () => 1)).toBe(1000);
  expect(backoff(3, 0, () => 0.5)).toBe(4000);
  expect(backoff(50, 0, () => 1)).toBe(30_000);
  expect(backoff(0, 5000, () => 0)).toBe(5000);
});
