// What agents see of the customer before they write: the page they are on, that they are typing,
// and how far they have read.

import { bare, currentPage, watchPage } from '../page';
import { isOpen, latest } from '../state/state';
import type { Page } from '../wire';
import type { Core, Timer } from './core';

export interface Presence {
  page(): Page;
  /** A page may name its own address, until the browser's address changes. */
  setPage(url: string): void;
  typing(on: boolean): void;
  /** Reports what has been read, once it is on the screen. */
  reportRead(): void;
  /** The connection is another one: what has been read is to be reported again. */
  reconnected(): void;
  stop(): void;
}

const TYPING_EVERY_MS = 3_000;
const TYPING_ENDS_MS = 5_000;

export function createPresence({ state, dispatch, socket }: Core): Presence {
  let named: Page | undefined;
  let readSent = 0;
  let readIn: string | undefined;
  let typingSentAt = 0;
  let typingTimer: Timer;

  const page = () => named ?? currentPage();

  function setPage(next?: Page): void {
    named = next;
    socket.send({ type: 'page', ...page() });
  }

  function typing(on: boolean): void {
    clearTimeout(typingTimer);
    if (on) typingTimer = setTimeout(() => typing(false), TYPING_ENDS_MS);
    const now = Date.now();
    const isDue = on ? now - typingSentAt > TYPING_EVERY_MS : typingSentAt > 0;
    if (isDue && isOpen(state()) && socket.send({ type: 'typing', on })) typingSentAt = on ? now : 0;
  }

  function reportRead(): void {
    const { open, conversations } = state();
    const conversation = latest(state());
    if (!conversation || !open || document.visibilityState === 'hidden') return;
    if (conversations.some(({ read, last }) => read < last)) return dispatch({ type: 'seen' });
    if (readIn !== conversation.id) readSent = 0;
    readIn = conversation.id;
    if (conversation.state === 'closed' || readSent >= conversation.last) return;
    if (socket.send({ type: 'read', seq: conversation.last })) readSent = conversation.last;
  }

  const stopWatching = watchPage(() => setPage());
  document.addEventListener('visibilitychange', reportRead);

  return {
    page,
    setPage: (url) => setPage({ ...currentPage(), url: bare(url) }),
    typing,
    reportRead,
    reconnected() {
      readSent = 0;
    },
    stop() {
      stopWatching();
      document.removeEventListener('visibilitychange', reportRead);
      clearTimeout(typingTimer);
    },
  };
}
