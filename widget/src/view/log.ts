// The log: rows become elements, each made once, then only touched where something changed.
//
// Invariants: the order on screen is the order of the rows; a screen reader hears what is new and
// not what is history; whoever reads further up is not pulled down, whoever is at the end stays there.

import type { Language } from '../i18n';
import type { State } from '../state';
import { h, setAttribute, setText } from './dom';
import { ticks } from './drawings';
import { type MessageRow, type Row, rows } from './rows';
import { link, linked, webAddress } from './text';

export interface Log {
  element: HTMLElement;
  render(state: State): void;
}

export interface LogPort {
  gateway: string;
  language: Language;
  retry(id: string): void;
  older(): void;
}

interface Piece {
  element: HTMLElement;
  update(row: Row): void;
}

/** Near enough to the end, or to the beginning, to count as being there. */
const NEAR_PX = 48;
/** Longer than a screen reader takes to notice what was put in silently. */
const SILENCE_MS = 500;

export function createLog(port: LogPort): Log {
  const { words, tag } = port.language;
  const time = new Intl.DateTimeFormat(tag, { timeStyle: 'short' });
  const day = new Intl.DateTimeFormat(tag, { weekday: 'long', day: 'numeric', month: 'long' });

  const list = h('ol', { class: 'rows', role: 'list' });
  const log = h('div', {
    'data-part': 'log',
    role: 'log',
    'aria-label': words.messages,
    'aria-relevant': 'additions',
    'aria-live': 'off',
  });
  log.append(list);
  const typingWords = h('span', { class: 'unseen' });
  const typing = h('div', { 'data-part': 'typing', class: 'typing', hidden: true }, typingWords);
  for (let dot = 0; dot < 3; dot += 1) typing.append(h('i', { 'aria-hidden': 'true' }));
  const greeting = h(
    'div',
    { class: 'greeting' },
    h('p', { class: 'title' }, words.greeting),
    h('p', { class: 'quiet' }),
  );
  const element = h('div', { class: 'scroll', tabindex: '0', role: 'group', 'aria-labelledby': 'title' });
  element.append(greeting, log, typing);
  let isAtEnd = true;
  let lastTop = 0;
  element.addEventListener('scroll', () => {
    const { scrollTop, scrollHeight, clientHeight } = element;
    // Only moving up leaves the end; a log that merely became lower is still being followed.
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX) isAtEnd = true;
    else if (scrollTop < lastTop) isAtEnd = false;
    lastTop = scrollTop;
    if (scrollTop < NEAR_PX) port.older();
  });
  // The keyboard, a growing composer, the panel shown again: the end stays in sight.
  new ResizeObserver(() => isAtEnd && toEnd()).observe(element);

  function toEnd(): void {
    element.scrollTop = element.scrollHeight;
  }

  const pieces = new Map<string, Piece>();
  let before: State | undefined;
  let speakTimer: ReturnType<typeof setTimeout> | undefined;

  /** What fills the empty log, or comes from further back, is history and not news. */
  function hush(): void {
    setAttribute(log, 'aria-live', 'off');
    clearTimeout(speakTimer);
    speakTimer = setTimeout(() => setAttribute(log, 'aria-live', 'polite'), SILENCE_MS);
  }

  function render(state: State): void {
    const changed = before?.conversations !== state.conversations || before.outbox !== state.outbox;
    const height = element.scrollHeight;
    const hasWritten = state.outbox.length > (before?.outbox.length ?? 0);
    let grewAbove = false;
    if (changed) {
      const first = list.firstChild;
      if (!first) hush();
      place(rows(state, words, (at) => day.format(at)));
      grewAbove = first !== null && list.firstChild !== first;
      if (grewAbove) hush();
    }
    setAttribute(typing, 'hidden', !state.typing);
    if (state.typing) setText(typingWords, words.typing(state.typing.name));
    setAttribute(greeting, 'hidden', pieces.size > 0);
    const hint = state.config.online === false ? words.nobodyIn : words.greetingMore;
    if (greeting.lastElementChild) setText(greeting.lastElementChild, hint);
    before = state;
    if (isAtEnd || hasWritten) toEnd();
    else if (grewAbove) element.scrollTop += element.scrollHeight - height;
  }

  function place(wanted: Row[]): void {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, piece] of pieces) {
      if (keys.has(key)) continue;
      piece.element.remove();
      pieces.delete(key);
    }
    let next = list.firstChild;
    for (const row of wanted) {
      let piece = pieces.get(row.key);
      if (!piece) {
        piece = row.is === 'message' ? messagePiece() : notePiece();
        pieces.set(row.key, piece);
      }
      piece.update(row);
      if (piece.element === next) next = next.nextSibling;
      else list.insertBefore(piece.element, next);
    }
  }

  function notePiece(): Piece {
    const element = h('li', { class: 'note' });
    return { element, update: (row) => row.is !== 'message' && setText(element, row.text) };
  }

  function messagePiece(): Piece {
    const face = h('span', { class: 'face', 'aria-hidden': 'true' });
    const name = h('span');
    const who = h('div', {}, face, name);
    const text = h('div', { class: 'text', 'data-part': 'text', dir: 'auto' });
    const files = h('div', { class: 'files' });
    const bubble = h('div', { class: 'bubble' }, text, files);
    const clock = h('span');
    const word = h('span', { class: 'unseen' });
    const meta = h('div', { class: 'meta' }, clock, ticks(), word);
    const again = h('button', { type: 'button', class: 'link', 'data-part': 'retry' }, words.tryAgain);
    const failure = h('div', { class: 'failure' }, `${words.notSent} `, again);
    const element = h('li', { 'data-part': 'message' }, who, bubble, meta, failure);
    let shown: MessageRow | undefined;
    again.addEventListener('click', () => shown?.id && port.retry(shown.id));

    function update(row: Row): void {
      if (row.is !== 'message') return;
      const own = row.from.kind === 'customer';
      const author = own ? words.you : (row.from.name ?? words.agent);
      setAttribute(element, 'class', row.first ? 'message first' : 'message');
      setAttribute(element, 'data-from', row.from.kind);
      setAttribute(element, 'data-state', row.state);
      setAttribute(element, 'data-seq', row.seq?.toString());
      // The author is named to the eye once a group, to the ear every time.
      setAttribute(who, 'class', row.first && !own ? 'who' : 'unseen');
      setText(name, author);
      if (shown?.from.avatar !== row.from.avatar || !shown) {
        showFace(face, author, webAddress(row.from.avatar, port.gateway));
      }
      if (shown?.text !== row.text || shown.retracted !== row.retracted) {
        text.replaceChildren(...(row.retracted ? [words.removed] : linked(row.text)));
        setAttribute(bubble, 'data-removed', row.retracted);
      }
      if (shown?.files.length !== row.files.length) {
        files.replaceChildren(
          ...row.files.map(({ url, name }) => fileLink(webAddress(url, port.gateway), name)),
        );
      }
      setAttribute(text, 'hidden', !row.text && !row.retracted);
      setText(clock, time.format(row.at) + (row.edited ? `, ${words.edited}` : ''));
      const stateWord = row.state && row.state !== 'failed' ? words[row.state] : '';
      setText(word, stateWord);
      setAttribute(meta, 'title', stateWord || undefined);
      setAttribute(meta, 'hidden', !row.last || row.state === 'failed');
      setAttribute(failure, 'hidden', row.state !== 'failed');
      shown = row;
    }

    return { element, update };
  }

  return { element, render };
}

/** The initial stands until, and unless, the picture arrives; a strict page may forbid pictures. */
function showFace(face: HTMLElement, name: string, avatar: string | undefined): void {
  face.replaceChildren([...name].slice(0, 1).join('').toUpperCase());
  if (!avatar) return;
  const image = h('img', { src: avatar, alt: '', referrerpolicy: 'no-referrer' });
  image.addEventListener('load', () => face.replaceChildren(image));
}

function fileLink(address: string | undefined, name: string): Node | string {
  return address ? link(address, name) : name;
}
