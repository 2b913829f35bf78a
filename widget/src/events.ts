// What the page is told: a plain emitter, and how two states differ in the page's words.

import { type Conversation, isOpen, latest, type State, unread } from './state';

export type EventName =
  | 'ready'
  | 'open'
  | 'close'
  | 'start'
  | 'message'
  | 'unread'
  | 'state'
  | 'agent'
  | 'end'
  | 'rating'
  | 'error';

export type Listener = (detail?: unknown) => void;
export type Emit = (name: EventName, detail?: unknown) => void;

export interface Events {
  on(name: EventName, listener: Listener): void;
  off(name: EventName, listener: Listener): void;
  emit: Emit;
}

export function createEvents(): Events {
  const listeners = new Map<EventName, Set<Listener>>();
  return {
    on(name, listener) {
      const set = listeners.get(name) ?? new Set();
      listeners.set(name, set.add(listener));
    },
    off(name, listener) {
      listeners.get(name)?.delete(listener);
    },
    emit(name, detail) {
      for (const listener of [...(listeners.get(name) ?? [])]) {
        try {
          listener(detail);
        } catch (error) {
          // A fault in the page's own code must not stop the chat, nor go unseen.
          console.error(error);
        }
      }
    },
  };
}

/** Tells the page what became different between two states. */
export function announce(before: State, after: State, emit: Emit): void {
  if (before.open !== after.open) emit(after.open ? 'open' : 'close');
  const was = latest(before);
  const is = latest(after);
  if (is && isOpen(after) && was?.id !== is.id) emit('start', { conversation: is.id });
  if (is) announceConversation(was?.id === is.id ? was : undefined, is, emit);
  const count = unread(after);
  if (count !== unread(before)) emit('unread', { count });
}

function announceConversation(was: Conversation | undefined, is: Conversation, emit: Emit): void {
  const { id: conversation, state, position, eta } = is;
  if (was?.state !== state || was.position !== position || was.eta !== eta) {
    emit('state', { conversation, state, position, eta_s: eta });
  }
  if (is.agent?.name !== was?.agent?.name) emit('agent', { conversation, ...is.agent });
  if (was?.entries !== is.entries) {
    const held = new Set(was?.entries.map(({ seq }) => seq));
    for (const line of is.entries) {
      if (line.kind !== 'message' || line.seq <= is.known || held.has(line.seq)) continue;
      const { seq, at, from, text } = line;
      emit('message', { conversation, seq, at, from, text });
    }
  }
  if (was && was.state !== 'closed' && state === 'closed') emit('end', { conversation });
}
