// The emitter of the page's events.

import type { Events as Details, EventName } from '../../couplet';

export type Listener = (detail?: never) => void;
/** Binds every event to its published type. */
export type Emit = <E extends EventName>(
  name: E,
  ...detail: Details[E] extends undefined ? [] : [detail: Details[E]]
) => void;

export interface Events {
  on(name: EventName, listener: Listener): void;
  off(name: EventName, listener: Listener): void;
  emit: Emit;
}

export function createEvents(): Events {
  const listeners = new Map<EventName, Set<Listener>>();
  return {
    on(name, listener) {
      if (typeof listener !== 'function') throw listener;
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
    },
    off(name, listener) {
      listeners.get(name)?.delete(listener);
    },
    emit(name, ...[detail]) {
      for (const listener of [...(listeners.get(name) ?? [])]) {
        try {
          listener(detail as never);
        } catch (error) {
          // A fault in the page's own code must not stop the chat, nor be hidden.
          console.error(error);
        }
      }
    },
  };
}
