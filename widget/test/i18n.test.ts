// Every language has every text, in every plural form that it needs.

import { expect, test } from 'vitest';
import en, { type Words } from '../src/i18n/en';
import { count, fill, type Plural } from '../src/i18n/fill';
import { chooseLanguage, openLabel } from '../src/launcher/language';
import { createLanguage } from '../src/view/language';

/** Inserted as the build does. */
declare const LABELS: Record<string, string>;
const languages = Object.keys(LABELS);

const wordsOf = async (key: string): Promise<Words> => (await import(`../src/i18n/${key}.ts`)).default;
const holes = (text: string) => (text.match(/\{\d\}|#/g) ?? []).sort();

test('the documented languages exist', () => {
  expect(languages).toEqual(['ar', 'de', 'en', 'es', 'fr', 'he', 'ja', 'pt']);
});

test.each(languages)('%s is complete', async (key) => {
  const words = await wordsOf(key);
  const keys = (all: object) =>
    Object.keys(all)
      .filter((name) => name !== 'dir')
      .sort();
  expect(keys(words)).toEqual(keys(en));
  for (const [name, word] of Object.entries(words)) {
    const english = en[name as keyof Words];
    if (typeof word === 'string' && typeof english === 'string') {
      expect(word.trim(), name).not.toBe('');
      expect(holes(word), name).toEqual(holes(english));
    }
  }
  expect(words.scores).toHaveLength(5);
});

test.each(languages)('%s has every form of number', async (key) => {
  const words = await wordsOf(key);
  const cardinal = new Intl.PluralRules(key).resolvedOptions().pluralCategories;
  const ordinal = new Intl.PluralRules(key, { type: 'ordinal' }).resolvedOptions().pluralCategories;
  for (const [name, word] of Object.entries(words)) {
    if (typeof word !== 'object' || Array.isArray(word)) continue;
    const forms = word as Plural;
    // A place may be a plain number, which has no forms.
    const needed = name !== 'place' ? cardinal : forms.other === '#' ? ['other'] : ordinal;
    expect(Object.keys(forms).sort(), name).toEqual([...needed].sort());
    for (const n of [3, 11, 100]) expect(count(key, n, forms), name).toContain(count(key, n, { other: '#' }));
  }
});

test.each(languages)('%s: the launcher has its label', async (key) => {
  expect(openLabel({ key, tag: key })).toBe((await wordsOf(key)).open);
});

test('names and numbers are filled in', () => {
  expect(fill('{1} before {0}', 'b', 'a')).toBe('a before b');
  expect(fill('{0} says {1}', '{1}', 'no')).toBe('{1} says no');
  expect(count('en', 1, { one: '# hour', other: '# hours' })).toBe('1 hour');
  expect(count('en', 1200, { one: '# hour', other: '# hours' })).toBe('1,200 hours');
});

test('sizes, places and waits read naturally', () => {
  const { size, place, wait } = createLanguage('en', en);
  expect([size(0), size(999), size(1500), size(10_000_000)]).toEqual([
    '0 byte',
    '999 byte',
    '1.5 kB',
    '10 MB',
  ]);
  expect([place(2), place(11), place(22)]).toEqual(['second', '11th', '22nd']);
  expect([wait(10), wait(60), wait(61)]).toEqual(['less than a minute', 'about 1 minute', 'about 2 minutes']);
});

test.each([
  [['de-AT'], 'de', 'de-AT'],
  [['de_DE'], 'de', 'de-DE'],
  [['de_DE.UTF-8'], 'de', 'de-DE'],
  [['DE'], 'de', 'de'],
  [['pt_br@latin'], 'pt', 'pt-BR'],
  [['ja_Jpan_JP'], 'ja', 'ja-Jpan-JP'],
  [['iw'], 'he', 'he'],
  [[' fr '], 'fr', 'fr'],
  [['es-419'], 'es', 'es-419'],
  [['ar-EG-u-nu-latn'], 'ar', 'ar-EG-u-nu-latn'],
  // The first known language counts, whatever comes before it.
  [[undefined, 'xx', 'nb-NO', 'fr-CA', 'en'], 'fr', 'fr-CA'],
  [[null, 'zh-Hant-TW', 'ja'], 'ja', 'ja'],
  // Three letters that begin like a known language are a different one: `est` is Estonian, not
  // Spanish.
  [['est', 'arn', 'fil', 'de'], 'de', 'de'],
  [['de_nonsense!', 'en-GB'], 'en', 'en-GB'],
  [['not a tag', '', 'toString', 'C', 'fr'], 'fr', 'fr'],
  [[undefined, null, 'toString'], 'en', 'en'],
])('of %j it is %s, written %s', (wanted, key, tag) => {
  expect(chooseLanguage(...wanted)).toEqual({ key, tag });
});
