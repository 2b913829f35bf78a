// Fitting what a page passes to the limits: what is kept, what is cut, and the warnings.

import { expect, test } from 'vitest';
import { cut, fitAnswers, fitQueue, fitSubject, isTooLarge } from '../src/fit';

const said: string[] = [];
const complain = (what: string) => void said.push(what);
const answersOf = (given: object): [Record<string, string>, number] => {
  said.length = 0;
  return [fitAnswers(given, complain), said.length];
};
const many = (count: number, value = 'x') =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`field${at}`, value]));

test('a text is cut by characters, and only if it is too long', () => {
  expect(cut('😀'.repeat(5), 5)).toBe('😀'.repeat(5));
  expect(cut('😀'.repeat(6), 5)).toBe('😀😀😀😀…');
  expect(cut('abc', 3)).toBe('abc');
  expect(cut('a'.repeat(9_000_000), 10)).toBe('aaaaaaaaa…');
});

test('all valid fields of a customer are kept', () => {
  expect(answersOf({ name: 'Kim', note: 'n'.repeat(1_001) })).toEqual([
    { name: 'Kim', note: `${'n'.repeat(999)}…` },
    1,
  ]);
  expect(answersOf({ name: 'Kim', ['k'.repeat(65)]: 'x', ' ': 'x' })).toEqual([{ name: 'Kim' }, 2]);
  const [kept, complaints] = answersOf({ name: 'Kim', ...many(40) });
  expect([Object.keys(kept).length, kept.name, complaints]).toEqual([32, 'Kim', 9]);
});

test('all answers together are bounded in bytes', () => {
  const [kept, complaints] = answersOf(many(30, 'é'.repeat(1_000)));
  expect([Object.keys(kept).length, complaints]).toEqual([8, 22]);
  expect(answersOf({ name: 'Kim', blob: 'x'.repeat(70_000) })[0].name).toBe('Kim');
});

test.each([
  ['a number', 7, '7'],
  ['a flag', false, 'false'],
  ['a list', ['a', 'b'], 'a,b'],
  ['an object', { plan: 'pro' }, '{"plan":"pro"}'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
  ['a big number', 10n, '10'],
  ['what an element named in the markup may be', null, undefined],
  ['nothing', undefined, undefined],
  ['a function', () => 1, undefined],
  ['what has no text', Object.create(null), undefined],
])('%s as a text', (_, value, text) => {
  expect(answersOf({ value })[0].value).toBe(text);
});

test('a value that cannot become a string does not affect the others', () => {
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  const angry = {
    toString: () => {
      throw new Error('no');
    },
  };
  expect(answersOf({ circle, angry, name: 'Kim' })).toEqual([{ name: 'Kim' }, 2]);
});

test('queue and subject', () => {
  said.length = 0;
  expect(fitQueue('sales', complain)).toBe('sales');
  expect(fitQueue(undefined, complain)).toBeUndefined();
  expect(fitSubject('  An order ', complain)).toBe('An order');
  expect(said).toEqual([]);
  expect(fitQueue('x'.repeat(65), complain)).toBeUndefined();
  expect(fitQueue({}, complain)).toBeUndefined();
  expect(fitSubject('s'.repeat(201), complain)).toBe(`${'s'.repeat(199)}…`);
  expect(said).toHaveLength(3);
});

test('a frame is measured in bytes', () => {
  expect(isTooLarge('a'.repeat(65_536))).toBe(false);
  expect(isTooLarge('a'.repeat(65_537))).toBe(true);
  expect(isTooLarge('字'.repeat(22_000))).toBe(true);
});
