// Loads earlier entries, a page at a time.

import { latest } from '../state/state';
import { newId } from '../wire';
import type { Core } from './core';

export interface History {
  /** Requests earlier entries; returns false if there is nothing to request now. */
  older(): boolean;
  /** Calls back once the whole conversation is loaded, or as much of it as is available now. */
  whole(then: () => void): void;
  /** Continues to load the whole conversation, if somebody waits for it. */
  proceed(): void;
}

const PAGE = 50;

export function createHistory({ state, dispatch, socket }: Core): History {
  let waiting: (() => void) | undefined;

  function older(): boolean {
    const conversation = latest(state());
    const before = conversation?.entries[0]?.seq;
    if (!conversation || !before || before === 1 || conversation.loading || conversation.complete)
      return false;
    const id = newId();
    const asked = { type: 'history', id, conversation: conversation.id, before, limit: PAGE } as const;
    if (!socket.send(asked)) return false;
    dispatch({ type: 'loading', id });
    return true;
  }

  function proceed(): void {
    if (!waiting || older() || latest(state())?.loading) return;
    const done = waiting;
    waiting = undefined;
    done();
  }

  return {
    older,
    proceed,
    whole(then) {
      waiting = then;
      proceed();
    },
  };
}
