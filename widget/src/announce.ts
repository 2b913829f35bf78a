// Compares two states and emits the page's events for what changed.

import type { Emit } from './launcher/events';
import { type Conversation, isOpen, latest, type State, unread } from './state/state';

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
      const { seq, at, from, text, files } = line;
      emit('message', { conversation, seq, at, from, text, files });
    }
  }
  if (is.rated && !was?.rated && was) emit('rating', { conversation, score: is.rated });
  if (was && was.state !== 'closed' && state === 'closed') emit('end', { conversation });
}
