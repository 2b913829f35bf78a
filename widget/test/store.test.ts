// What outlives a page load, and what does not.

import { beforeEach, expect, test, vi } from 'vitest';
import type { Outgoing } from '../src/state/state';
import { createStore } from '../src/store';

const session = { token: 't', customer: 'me' };
const out = (id: string, at: number): Outgoing => ({ frame: { type: 'message', id, text: id }, at });

beforeEach(() => localStorage.clear());

test('session and outbox outlive the page, in order, and tenants do not see each other', () => {
  const store = createStore('a', true);
  store.saveSession(session);
  store.putOut(out('second', 2));
  store.putOut(out('first', 1));
  const later = createStore('a', true);
  expect(later.session()).toEqual(session);
  expect(later.outbox().map(({ frame }) => frame.id)).toEqual(['first', 'second']);
  expect(createStore('b', true).outbox()).toEqual([]);
  later.dropOut('first');
  expect(store.outbox()).toHaveLength(1);
  store.clear();
  expect(localStorage.length).toBe(0);
});

test('without consent everything stays in memory until it is given', () => {
  const store = createStore('a', false);
  store.putOut(out('x', 1));
  expect(store.outbox()).toHaveLength(1);
  expect(localStorage.length).toBe(0);
  store.persist();
  expect(createStore('a', true).outbox()).toHaveLength(1);
});

test('a browser that refuses storage does no harm', () => {
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError');
  });
  const store = createStore('a', true);
  store.saveSession(session);
  expect(store.session()).toEqual(session);
});

test('a damaged value is ignored', () => {
  localStorage.setItem('couplet:a:session', '{');
  localStorage.setItem('couplet:a:out:x', '{');
  const store = createStore('a', true);
  expect(store.session()).toBeUndefined();
  expect(store.outbox()).toEqual([]);
});

test('preferences are stored, one at a time', () => {
  const store = createStore('a', true);
  store.savePreferences({ muted: true });
  store.savePreferences({ heard: 'c:1' });
  expect(createStore('a', true).preferences()).toEqual({ muted: true, heard: 'c:1' });
});
