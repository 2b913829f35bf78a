// Rows, log, composer, status line and colours, without a gateway.

import { expect, test } from 'vitest';
import en from '../src/i18n/en';
import { accent, contrast } from '../src/launcher/colour';
import { reduce } from '../src/state/reduce';
import { initial, type State } from '../src/state/state';
import { createComposer } from '../src/view/composer';
import { createLanguage } from '../src/view/language';
import { createLog } from '../src/view/log';
import { statusLine } from '../src/view/panel';
import { isSame, type MessageRow, type Row, rows } from '../src/view/rows';
import { linked, ofGateway, webAddress } from '../src/view/text';
import type { Entry } from '../src/wire';

const language = createLanguage('en', en);
const nothing = () => {};
const logPort = {
  gateway: 'https://g',
  retry: nothing,
  discard: nothing,
  choose: nothing,
  setTarget: nothing,
  retract: nothing,
  react: nothing,
  refocus: nothing,
  older: () => false,
};
const noon = new Date(2024, 2, 5, 12).getTime();
const day = (at: number) => new Date(at).toDateString();

function log(...entries: Partial<Entry>[]): State {
  return entries.reduce<State>((state, more, index) => {
    const seq = index + 1;
    const bones = { conversation: 'c', seq, at: noon, kind: 'message', from: { kind: 'agent', name: 'Ann' } };
    const frame = { type: 'entry', ...bones, text: `text ${seq}`, ...more } as { type: 'entry' } & Entry;
    return reduce(state, { type: 'frame', frame });
  }, initial);
}

const isMessage = (row: Row): row is MessageRow => row.is === 'message';

test('messages group by author and minute', () => {
  const customer = { kind: 'customer' } as const;
  const state = log({}, {}, { from: customer }, { from: customer, at: noon + 60_000 });
  const groups = rows(state, en, day).filter(isMessage);
  expect(groups.map(({ first, last }) => [first, last])).toEqual([
    [true, false],
    [false, true],
    [true, true],
    [true, true],
  ]);
});

test('only the changed rows of a long log are updated', () => {
  const before = log({}, { reply_to: 1 }, { from: { kind: 'customer' }, id: 'a' }, {});
  const [was, same] = [rows(before, en, day), rows({ ...before }, en, day)];
  expect(was.map((row, at) => isSame(row, same[at]))).toEqual([true, true, true, true, true]);
  const frame = { type: 'receipt', conversation: 'c', read: 3 } as const;
  const now = rows(reduce(before, { type: 'frame', frame }), en, day);
  expect(was.map((row, at) => isSame(row, now[at]))).toEqual([true, true, true, false, true]);
});

test('a message keeps its key from outbox to log', () => {
  const out = { frame: { type: 'message', id: 'a', text: 'hi' } as const, at: Date.now() };
  const queued = reduce(initial, { type: 'queued', out });
  const stored = reduce(queued, {
    type: 'frame',
    frame: { type: 'ack', id: 'a', conversation: 'c', seq: 1, at: out.at },
  });
  const [before] = rows(queued, en, day).filter(isMessage);
  const [after] = rows(stored, en, day).filter(isMessage);
  expect([before?.key, before?.state]).toEqual(['a', 'sending']);
  expect([after?.key, after?.state]).toEqual(['a', 'sent']);
});

test('a day that is not today is named once; joins and ends are notes', () => {
  const state = log({ kind: 'joined' }, {}, { kind: 'closed', from: { kind: 'system' } });
  expect(rows(state, en, day).map((row) => (row.is === 'message' ? row.is : [row.is, row.text]))).toEqual([
    ['day', day(noon)],
    ['note', 'Ann joined'],
    'message',
    ['note', 'This chat has ended'],
  ]);
});

test('the log creates each element once and does not announce history', () => {
  const { element, render } = createLog({ ...logPort, language });
  const state = log({}, { text: '<b>not bold</b>' });
  render(state);
  const list = element.querySelector('[data-part="log"]');
  expect(list?.getAttribute('aria-live')).toBe('off');
  const [first] = element.querySelectorAll('[data-part="message"]');
  render(reduce(state, { type: 'frame', frame: { type: 'typing', on: true, name: 'Ann' } }));
  expect(element.querySelectorAll('[data-part="message"]')[0]).toBe(first);
  expect(element.querySelectorAll('[data-part="text"]')[1]?.textContent).toBe('<b>not bold</b>');
  expect(element.querySelector<HTMLElement>('[data-part="typing"]')?.hidden).toBe(false);
});

test('the composer sends on Enter, not within a composition, and never cuts', () => {
  const sent: string[] = [];
  const { element, render } = createComposer(
    {
      language,
      send: (text) => !!sent.push(text),
      typing: nothing,
      attach: nothing,
      retryFile: nothing,
      removeFile: nothing,
      clearTarget: nothing,
    },
    '',
  );
  const input = element.querySelector('textarea');
  if (!input) throw new Error('no textarea');
  const type = (text: string, init: KeyboardEventInit = {}) => {
    input.value = text;
    input.dispatchEvent(new Event('input'));
    input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', cancelable: true, ...init }));
  };
  render({ ...initial, textChars: 3 });
  type('abcd');
  expect(element.textContent).toContain('Too long by 1 character');
  expect(input.value).toBe('abcd');
  type('ab', { isComposing: true });
  type('ab', { shiftKey: true });
  type(' \n ');
  expect(sent).toEqual([]);
  type('ab😀');
  expect(sent).toEqual(['ab😀']);
  expect(input.value).toBe('');
});

test('the status describes the state plainly', () => {
  const waiting = (position?: number, eta_s?: number): State => {
    const frame = { type: 'state', conversation: 'c', state: 'waiting', position, eta_s } as const;
    return reduce({ ...initial, link: 'online' }, { type: 'frame', frame });
  };
  const says = (state: State) => statusLine(state, language);
  expect(says(initial)).toBe('');
  expect(says(waiting())).toBe('Nobody is in right now. The answer comes here.');
  // Just started, or just reloaded: the gateway has not yet said whether an agent is online.
  expect(says({ ...log({ from: { kind: 'customer' } }), link: 'online' })).toBe('\u00a0');
  expect(says(waiting(2, 170))).toBe('You are second in line, about 3 minutes');
  expect(says(waiting(1, 60))).toBe('You are first in line, about 1 minute');
  expect(says(waiting(22, 20))).toBe('You are 22nd in line, less than a minute');
  const closed = (open_at: number): State => {
    const frame = { type: 'state', conversation: 'c', state: 'waiting', open_at } as const;
    return reduce({ ...initial, link: 'online' }, { type: 'frame', frame });
  };
  const soon = Date.now() + 3600_000;
  expect(says(closed(soon))).toBe(`We’re back ${language.back(soon)}.`);
  expect(says(closed(Date.now() - 1000))).toBe('Nobody is in right now. The answer comes here.');
  expect(says({ ...waiting(2), link: 'retrying' })).toBe('No connection. Trying again');
});

test('text on any colour is readable, and only colours are accepted', () => {
  for (const colour of ['#0f6b5c', '#3fb6a1', '#fff', '#000000', '#777777', '#ff0000', '#767676']) {
    const pair = accent(colour);
    expect(contrast(pair?.fill ?? '', pair?.text ?? '')).toBeGreaterThanOrEqual(4.5);
  }
  for (const colour of ['red', '#12', '#fff;}*{}', null, undefined]) expect(accent(colour)).toBeUndefined();
});

test('addresses become links without the full stop, and only those of the web', () => {
  const parts = linked('See https://a.example/x. Or javascript:alert(1)');
  expect(parts.map((part) => (typeof part === 'string' ? part : part.textContent))).toEqual([
    'See ',
    'https://a.example/x',
    '. Or javascript:alert(1)',
  ]);
  expect(webAddress('javascript:alert(1)', 'https://g')).toBeUndefined();
  expect(webAddress('/f/1', 'https://g')).toBe('https://g/f/1');
});

test('an address of the gateway is recognised below a path, too', () => {
  expect(ofGateway('/f/1', 'https://g')).toBe('https://g/f/1');
  expect(ofGateway('/f/1', 'https://g/chat')).toBe('https://g/chat/f/1');
  expect(ofGateway('//evil.example/f/1', 'https://g/chat')).toBeUndefined();
  expect(ofGateway('https://g.evil.example/f/1', 'https://g')).toBeUndefined();
  expect(ofGateway('https://g/elsewhere/f/1', 'https://g/chat')).toBeUndefined();
});
