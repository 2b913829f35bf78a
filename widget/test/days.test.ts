// The day headings of the log: which there are, their places, and a year where it is needed.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import de from '../src/i18n/de';
import en from '../src/i18n/en';
import { reduce } from '../src/state/reduce';
import { initial, type State } from '../src/state/state';
import { createLanguage } from '../src/view/language';
import { createLog } from '../src/view/log';
import { rows } from '../src/view/rows';

const language = createLanguage('en-GB', en);
const nothing = () => {};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const at = (...date: [number, number, number, number?]) => new Date(...date).getTime();

/** A message for each time: first the stored ones, then those that are not stored yet. */
function log(stored: number[], waiting: number[] = []): State {
  const from = { kind: 'agent', name: 'Ann' } as const;
  let state: State = { ...initial };
  stored.forEach((at, index) => {
    const entry = { conversation: 'c', seq: index + 1, at, kind: 'message', from, text: `${index}` };
    state = reduce(state, { type: 'frame', frame: { type: 'entry', ...entry } });
  });
  waiting.forEach((at, index) => {
    const frame = { type: 'message', id: `w${index}`, text: `w${index}` } as const;
    state = reduce(state, { type: 'queued', out: { frame, at } });
  });
  return state;
}

const said = (state: State) => rows(state, en, language.day).map((row) => row.text.replace(',', ''));

test('today has no heading, yesterday has one, and so has today after it', () => {
  vi.setSystemTime(at(2026, 2, 6, 12));
  expect(said(log([at(2026, 2, 6, 9)]))).toEqual(['0']);
  expect(said(log([at(2026, 2, 5, 23), at(2026, 2, 6, 0)]))).toEqual([
    'Thursday 5 March',
    '0',
    'Friday 6 March',
    '1',
  ]);
});

test('a year is named if it is not the current one', () => {
  vi.setSystemTime(at(2026, 0, 1, 0));
  expect(said(log([at(2024, 11, 31, 23), at(2025, 11, 31, 23), at(2026, 0, 1, 0)]))).toEqual([
    'Tuesday 31 December 2024',
    '0',
    'Wednesday 31 December 2025',
    '1',
    'Thursday 1 January',
    '2',
  ]);
  expect(createLanguage('de', de).day(at(2025, 11, 31))).toBe('Mittwoch, 31. Dezember 2025');
});

test('within a week, the weekday says when somebody will be in', () => {
  vi.setSystemTime(at(2026, 11, 4, 18));
  const plain = (text: string) => text.replace(' at ', ' ').replace(',', '');
  expect(plain(language.back(at(2026, 11, 7, 9)))).toBe('Monday 09:00');
  expect(plain(language.back(at(2026, 11, 11, 9)))).toBe('Friday 11 December 9:00');
  expect(plain(language.back(at(2027, 0, 4, 9)))).toBe('Monday 4 January 2027 9:00');
  expect(createLanguage('de', de).back(at(2026, 11, 7, 9))).toContain('Montag');
});

test('the same weekday and date of another year is not today', () => {
  // Both are a Friday, 6 March.
  vi.setSystemTime(at(2026, 2, 6, 12));
  expect(said(log([at(2020, 2, 6, 12)]))).toEqual(['Friday 6 March 2020', '0']);
});

test('a day that recurs has its heading each time', () => {
  vi.setSystemTime(at(2026, 2, 6, 12));
  const state = log([at(2026, 2, 5), at(2026, 2, 6)], [at(2026, 2, 5, 22), at(2026, 2, 6, 11)]);
  const lines = [
    'Thursday 5 March',
    '0',
    'Friday 6 March',
    '1',
    'Thursday 5 March',
    'w0',
    'Friday 6 March',
    'w1',
  ];
  expect(said(state)).toEqual(lines);
  const port = {
    gateway: 'https://g',
    language,
    refocus: nothing,
    older: () => false,
    retry: nothing,
    discard: nothing,
  };
  const { element, render } = createLog({
    ...port,
    choose: nothing,
    setTarget: nothing,
    retract: nothing,
    react: nothing,
  });
  const shown = () =>
    [...element.querySelectorAll('.note, [data-part="text"]')].map(({ textContent }) => textContent);
  render(state);
  expect(shown()).toEqual(lines);
  render({ ...state, outbox: [...state.outbox] });
  expect(shown()).toEqual(lines);
});

test('after midnight the previous day is named', () => {
  vi.setSystemTime(at(2026, 2, 5, 23));
  const state = log([at(2026, 2, 5, 23)]);
  expect(said(state)).toEqual(['0']);
  vi.setSystemTime(at(2026, 2, 6, 0));
  expect(said(state)).toEqual(['Thursday 5 March', '0']);
});
