// How a customer who is looking elsewhere is notified, and how often.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAttention } from '../src/attention';
import { reduce } from '../src/state/reduce';
import { initial, type State } from '../src/state/state';
import { createStore } from '../src/store';

let visibility: DocumentVisibilityState;
let notes: [string, NotificationOptions][];
let tones: number;

beforeEach(() => {
  localStorage.clear();
  vi.useFakeTimers();
  document.title = 'A page';
  visibility = 'hidden';
  notes = [];
  tones = 0;
  vi.spyOn(document, 'visibilityState', 'get').mockImplementation(() => visibility);
  const param = { setValueAtTime() {}, exponentialRampToValueAtTime() {}, value: 0 };
  const node = { connect: (next: unknown) => next, frequency: param, gain: param, stop() {} };
  class Audio {
    currentTime = 0;
    resume() {}
    close() {}
    createGain = () => node;
    createOscillator = () => ({ ...node, start: () => tones++ });
  }
  class Note {
    static permission = 'granted';
    static requestPermission = async () => Note.permission;
    constructor(title: string, options: NotificationOptions) {
      notes.push([title, options]);
    }
  }
  vi.stubGlobal('AudioContext', Audio);
  vi.stubGlobal('Notification', Note);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

const says = (state: State, seq: number): State =>
  reduce(state, {
    type: 'frame',
    frame: {
      type: 'entry',
      conversation: 'c',
      seq,
      at: 1,
      kind: 'message',
      from: { kind: 'agent', name: 'Ann' },
      text: `text ${seq}`,
    },
  });

function tab(more: Partial<State> = {}) {
  const attention = createAttention('demo', createStore('demo', true));
  let state: State = { ...initial, notify: 'on', ...more };
  const become = (next: State) => {
    const before = state;
    state = next;
    attention.notice(before, next);
  };
  return { ...attention, become, hears: (seq: number) => become(says(state, seq)), state: () => state };
}

test('title, sound and notification; the title is restored', () => {
  const { hears, stop } = tab();
  hears(1);
  vi.runAllTimers();
  expect(document.title).toBe('(1) A page');
  expect(tones).toBe(2);
  expect(notes).toEqual([['Ann', { body: 'text 1', tag: 'couplet:demo' }]]);
  visibility = 'visible';
  document.dispatchEvent(new Event('visibilitychange'));
  expect(document.title).toBe('A page');
  stop();
});

test('only one of two tabs announces a message, and only once', () => {
  const tabs = [tab(), tab()];
  for (const { hears } of tabs) hears(1);
  vi.runAllTimers();
  expect([tones, notes.length]).toEqual([2, 1]);
  for (const { hears } of tabs) hears(2);
  vi.runAllTimers();
  expect([tones, notes.length]).toEqual([4, 2]);
  for (const { stop } of tabs) stop();
});

test('a message being looked at, here or in another tab, is not announced', () => {
  visibility = 'visible';
  const here = tab({ open: true });
  here.hears(1);
  vi.runAllTimers();
  const other = tab();
  other.hears(1);
  other.become(reduce(other.state(), { type: 'seen', upTo: 1 }));
  vi.runAllTimers();
  expect([tones, notes.length]).toEqual([0, 0]);
  expect(document.title).toBe('A page');
  for (const { stop } of [here, other]) stop();
});

test('muted is silent, and without permission there is no notification', () => {
  const { hears, stop } = tab({ muted: true, notify: 'off' });
  hears(1);
  vi.runAllTimers();
  expect([tones, notes.length]).toEqual([0, 0]);
  stop();
});

test('a message announced on one page is not announced again on the next', () => {
  const first = tab();
  first.hears(1);
  vi.runAllTimers();
  first.stop();
  const next = tab();
  next.hears(1);
  vi.runAllTimers();
  expect(tones).toBe(2);
  next.stop();
});

test('permission is requested where it can be granted', async () => {
  const { mayAsk, ask, isGranted, stop } = tab();
  expect([mayAsk(), isGranted(), await ask()]).toEqual([true, true, true]);
  Object.assign(Notification, { permission: 'denied' });
  expect([mayAsk(), isGranted(), await ask()]).toEqual([false, false, false]);
  stop();
});

test("a count that is the page's own is left alone, and a new title of the page's gets ours", () => {
  document.title = '(3) Inbox';
  const { hears, stop } = tab();
  hears(1);
  expect(document.title).toBe('(1) (3) Inbox');
  document.title = 'Another';
  hears(2);
  expect(document.title).toBe('(2) Another');
  stop();
  expect(document.title).toBe('Another');
  const next = tab();
  document.title = '(3) Inbox';
  next.stop();
  expect(document.title).toBe('(3) Inbox');
});
