// The transcript as a text file.

import { expect, test } from 'vitest';
import en from '../src/i18n/en';
import { type Action, reduce } from '../src/state/reduce';
import { initial } from '../src/state/state';
import { transcript } from '../src/transcript';
import { createLanguage } from '../src/view/language';
import type { Entry } from '../src/wire';

test('a transcript has author, time, text and the message replied to', () => {
  const at = new Date(2024, 2, 5, 12).getTime();
  const entries: Partial<Entry>[] = [
    { from: { kind: 'customer' }, id: 'a', text: 'Is it\nblue?' },
    { kind: 'joined', text: undefined },
    { text: 'It was', reply_to: 1, files: [{ id: 'f', name: 'blue.png' }] },
    { kind: 'edit', target: 3, text: 'It is' },
    { text: undefined },
  ];
  const actions = entries.map((entry, index): Action => {
    const bones = { conversation: 'c', seq: index + 1, at, kind: 'message' };
    return {
      type: 'frame',
      frame: { type: 'entry', ...bones, from: { kind: 'agent', name: 'Ann' }, ...entry },
    };
  });
  const state = actions.reduce(reduce, { ...initial, config: { name: 'Shop' } });
  const language = createLanguage('en-GB', en);
  expect(language.day(at, true)).toContain('2024');
  expect(transcript(state, language).split('\n')).toEqual([
    `Shop, ${language.dayAndTime(at)}`,
    '',
    language.day(at, true),
    '12:00 You:',
    '  Is it',
    '  blue?',
    'Ann joined',
    '12:00 Ann (edited):',
    '> You: Is it blue?',
    '  It is',
    '  [blue.png]',
    '12:00 Ann:',
    '  Message removed',
    '',
  ]);
});
