// How a frame from the gateway changes the state.

import type { ServerFrame, Welcome } from '../wire';
import { addEntries, addEntry, loaded, withConversation } from './entries';
import { acknowledge, refuse } from './outbox';
import type { State } from './state';

export function receive(state: State, frame: ServerFrame, identified: boolean): State {
  switch (frame.type) {
    case 'welcome':
      return welcome(state, frame, identified);
    case 'entry':
      return addEntry(state, frame);
    case 'entries':
      return loaded(addEntries(state, frame.entries), frame.for, !frame.more);
    case 'ack':
      return acknowledge(state, frame);
    case 'state': {
      const { conversation, state: now, position, eta_s: eta, open_at: openAt, agent } = frame;
      const isWaiting = now === 'waiting';
      return withConversation(state, conversation, (c) => ({
        ...c,
        state: now,
        position: isWaiting ? position : undefined,
        unattended: isWaiting && !position,
        eta: isWaiting ? eta : undefined,
        openAt: isWaiting ? openAt : undefined,
        agent: agent ?? (isWaiting ? undefined : c.agent),
      }));
    }
    case 'receipt': {
      const { conversation, delivered = 0, read = 0 } = frame;
      return withConversation(state, conversation, (c) => ({
        ...c,
        delivered: Math.max(c.delivered, delivered, read),
        confirmed: Math.max(c.confirmed, read),
      }));
    }
    case 'typing':
      return { ...state, typing: frame.on ? { name: frame.name } : undefined };
    case 'error':
      return refuse(state, frame.for, frame.code);
    default:
      return state;
  }
}

function welcome(state: State, frame: Welcome, identified: boolean): State {
  const { session, conversation: open, entries, receipt, limits } = frame;
  let next: State = { ...state, customer: session.customer, textChars: limits?.text_chars };
  next.fileBytes = limits?.file_bytes;
  if (state.customer && state.customer !== session.customer) {
    // A different customer: a log belongs to one customer, and so do messages typed under another
    // name.
    next.conversations = [];
    if (identified) next.outbox = state.outbox.map((out) => ({ ...out, failed: 'forbidden' }));
  }
  // A conversation that was open, and is not the one the gateway reports as open, has ended
  // meanwhile.
  next.conversations = next.conversations.map((c) => (c.id === open?.id ? c : { ...c, state: 'closed' }));
  if (open) {
    const isNew = !next.conversations.some(({ id }) => id === open.id);
    next = withConversation(next, open.id, (c) => ({
      ...c,
      state: open.state,
      agent: open.agent,
      ...(isNew && { known: open.seq ?? 0, read: open.seq ?? 0 }),
    }));
  }
  next = addEntries(next, entries);
  const conversation = receipt?.conversation ?? open?.id;
  return conversation ? receive(next, { type: 'receipt', ...receipt, conversation }, identified) : next;
}
