// The log: rows become elements, each created once, then only updated where something changed.
//
// Invariants: the order on screen is the order of the rows; a screen reader announces what is new
// and not the history; a customer who has scrolled up is not moved, one who is at the end stays
// there.

import { h, setAttribute, setText } from '../dom';
import { away, type State, unread } from '../state/state';
import type { Fields } from './form';
import { fill } from './language';
import { createMessage, type MessagePort, type RowElement } from './message';
import { isSame, type Row, rows } from './rows';

export interface Log {
  element: HTMLElement;
  render(state: State): void;
  /** Puts an element after the last message: the rating, when the chat is over. */
  append(element: HTMLElement): void;
  /** Puts questions at the end, where the customer is about to begin a conversation. */
  ask(fields: Fields | undefined): void;
}

export interface LogPort extends Omit<MessagePort, 'grew' | 'reveal'> {
  older(): unknown;
}

/** Distance from the end, or the beginning, that counts as being there. */
const NEAR_PX = 48;
/** Longer than a screen reader takes to notice what was inserted silently. */
const SILENCE_MS = 500;

export function createLog(port: LogPort): Log {
  const { language } = port;
  const { words } = language;
  const list = h('ol', { class: 'rows', role: 'list' });
  const log = h(
    'div',
    {
      'data-part': 'log',
      role: 'log',
      'aria-label': words.messages,
      'aria-relevant': 'additions',
      'aria-live': 'off',
    },
    list,
  );
  const typingWords = h('span', { class: 'unseen' });
  const typing = h('div', { 'data-part': 'typing', class: 'typing', hidden: true }, typingWords);
  for (let dot = 0; dot < 3; dot += 1) typing.append(h('i', { 'aria-hidden': 'true' }));
  const hint = h('p', { class: 'quiet' });
  const questions = h('div');
  const title = h('p', { class: 'title' });
  const greeting = h('div', { class: 'greeting' }, title, hint, questions);
  const down = h(
    'button',
    { type: 'button', class: 'down', 'data-part': 'down', hidden: true },
    words.newMessages,
  );
  const scroll = h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'group', 'aria-labelledby': 'title' },
    greeting,
    log,
    typing,
    questions,
  );
  const element = h('div', { class: 'middle' }, scroll, down);
  let isAtEnd = true;
  let lastTop = 0;
  scroll.addEventListener('scroll', () => {
    const { scrollTop, scrollHeight, clientHeight } = scroll;
    // Only scrolling up leaves the end; a log that only became shorter still follows.
    if (scrollHeight - scrollTop - clientHeight < NEAR_PX) isAtEnd = true;
    else if (scrollTop < lastTop) isAtEnd = false;
    lastTop = scrollTop;
    if (isAtEnd) setAttribute(down, 'hidden', true);
    if (scrollTop < NEAR_PX) port.older();
  });
  down.addEventListener('click', () => {
    toEnd();
    port.refocus();
  });
  // The keyboard, a growing composer, the panel shown again: the end stays in view.
  new ResizeObserver(follow).observe(scroll);

  function follow(): void {
    if (isAtEnd) toEnd();
  }

  function toEnd(): void {
    scroll.scrollTop = scroll.scrollHeight;
    setAttribute(down, 'hidden', true);
  }

  const elements = new Map<string, RowElement>();
  let before: State | undefined;
  let speakTimer: ReturnType<typeof setTimeout> | undefined;

  /** What fills the empty log, or is loaded by scrolling back, is history and is not announced. */
  function hush(): void {
    setAttribute(log, 'aria-live', 'off');
    clearTimeout(speakTimer);
    speakTimer = setTimeout(() => setAttribute(log, 'aria-live', 'polite'), SILENCE_MS);
  }

  function render(state: State): void {
    const changed = before?.conversations !== state.conversations || before.outbox !== state.outbox;
    const height = scroll.scrollHeight;
    const hasWritten = state.outbox.length > (before?.outbox.length ?? 0);
    const last = list.lastChild;
    let grewAbove = false;
    if (changed) {
      const first = list.firstChild;
      if (!first) hush();
      place(rows(state, words, language.day));
      grewAbove = first !== null && list.firstChild !== first;
      if (grewAbove) hush();
    }
    setAttribute(typing, 'hidden', !state.typing);
    if (state.typing) setText(typingWords, fill(words.typing, state.typing.name ?? words.agent));
    setAttribute(greeting, 'hidden', elements.size > 0);
    setText(title, state.config.welcome ?? words.greeting);
    setText(hint, greetingOf(state));
    if (isAtEnd || hasWritten) toEnd();
    else if (grewAbove) scroll.scrollTop += scroll.scrollHeight - height;
    if (!isAtEnd && before && last !== list.lastChild && unreadGrew(state)) {
      setAttribute(down, 'hidden', false);
    }
    before = state;
  }

  function unreadGrew(state: State): boolean {
    return !!before && unread(state) > unread(before);
  }

  function greetingOf(state: State): string {
    const { isAway, next } = away(state);
    if (!isAway) return words.greetingMore;
    return next ? `${words.nobodyIn} ${fill(words.backAt, language.back(next))}` : words.nobodyIn;
  }

  function place(wanted: Row[]): void {
    const keys = new Set(wanted.map(({ key }) => key));
    for (const [key, shown] of elements) {
      if (keys.has(key)) continue;
      shown.element.remove();
      elements.delete(key);
    }
    let next = list.firstChild;
    for (const row of wanted) {
      let shown = elements.get(row.key);
      if (!shown) {
        shown = row.is === 'message' ? createMessage({ ...port, grew: follow, reveal }) : createNote();
        elements.set(row.key, shown);
      }
      if (!isSame(row, shown.row)) shown.update(row);
      shown.row = row;
      if (shown.element === next) next = next.nextSibling;
      else list.insertBefore(shown.element, next);
    }
  }

  function reveal(key: string): void {
    elements.get(key)?.element.scrollIntoView({ block: 'center' });
  }

  return {
    element,
    render,
    append: (last) => questions.before(last),
    ask: (fields) => questions.replaceChildren(...(fields ? [fields.element] : [])),
  };
}

function createNote(): RowElement {
  const element = h('li', { class: 'note' });
  return { element, update: (row) => row.is !== 'message' && setText(element, row.text) };
}
