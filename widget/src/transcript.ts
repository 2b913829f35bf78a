// The conversation as a text file. Pure, except for the function that saves it.

import { h } from './dom';
import { latest, type State } from './state/state';
import type { Language } from './view/language';
import { authorOf, type MessageRow, rows } from './view/rows';

export function transcript(state: State, language: Language): string {
  const { words, time, day, dayAndTime } = language;
  // With the year: it may be read much later.
  const dated = (at: number) => day(at, true);
  const conversation = latest(state);
  const only = { ...state, conversations: conversation ? [conversation] : [], outbox: [] };
  const first = conversation?.entries[0]?.at;
  const head = [state.config.name, first && dayAndTime(first)].filter(Boolean).join(', ');
  const body = rows(only, words, dated).map((row) => (row.is === 'message' ? textOf(row) : row.text));
  return `${[head, '', ...body].join('\n')}\n`;

  function textOf({ from, at, text, files, quote, edited, retracted }: MessageRow): string {
    const author = authorOf(from, words);
    const what = retracted
      ? words.removed
      : [text, ...files.map(({ name }) => `[${name}]`)].filter(Boolean).join('\n');
    const mark = edited && !retracted ? ` (${words.edited})` : '';
    const answered = quote ? `\n> ${quote.author}: ${quote.text.replace(/\s+/g, ' ')}` : '';
    return `${time(at)} ${author}${mark}:${answered}\n${what.replace(/^/gm, '  ')}`;
  }
}

export function save(text: string, name: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain;charset=utf-8' }));
  h('a', { href: url, download: name }).click();
  // The browser reads the file only after this call.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
