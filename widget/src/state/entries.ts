// The conversations and their entries.
//
// Invariants: the entries of a conversation are in `seq` order and unique; there are no gaps up to
// `last`, so a resume may claim to have seen everything up to it; an own message is either in the
// outbox or an entry, never both.

import type { Entry } from '../wire';
import { type Conversation, type LogEntry, latest, type State } from './state';

export function newConversation(id: string): Conversation {
  return {
    id,
    state: 'waiting',
    entries: [],
    last: 0,
    known: 0,
    read: 0,
    delivered: 0,
    confirmed: 0,
    complete: false,
  };
}

export function withConversation(state: State, id: string, change: (c: Conversation) => Conversation): State {
  const held = state.conversations.some((c) => c.id === id);
  const conversations = held ? state.conversations : [...state.conversations, newConversation(id)];
  return { ...state, conversations: conversations.map((c) => (c.id === id ? change(c) : c)) };
}

export function withLatest(state: State, change: (c: Conversation) => Conversation): State {
  const conversation = latest(state);
  return conversation ? withConversation(state, conversation.id, change) : state;
}

/** A `history` request has its response. */
export function loaded(state: State, request: string | undefined, complete: boolean): State {
  if (!request) return state;
  const conversations = state.conversations.map((c) =>
    c.loading === request ? { ...c, loading: undefined, complete } : c,
  );
  return { ...state, conversations };
}

export function addEntries(state: State, entries: readonly Entry[]): State {
  let next = state;
  for (const entry of entries) next = addEntry(next, entry);
  return next;
}

export function addEntry(state: State, entry: Entry): State {
  const outbox =
    entry.id && entry.from.kind === 'customer'
      ? state.outbox.filter(({ frame }) => frame.id !== entry.id)
      : state.outbox;
  const typing = entry.from.kind === 'agent' || entry.kind === 'closed' ? undefined : state.typing;
  return withConversation({ ...state, outbox, typing }, entry.conversation, (c) => insert(c, entry));
}

function insert(conversation: Conversation, entry: Entry): Conversation {
  let at = conversation.entries.length;
  while (at > 0 && (conversation.entries[at - 1]?.seq ?? 0) > entry.seq) at -= 1;
  if (conversation.entries[at - 1]?.seq === entry.seq) return conversation;
  const isEmpty = entry.kind === 'message' && !entry.text && !entry.files?.length;
  const line: LogEntry = isEmpty ? retracted(entry) : entry;
  const entries = [...conversation.entries.slice(0, at), line, ...conversation.entries.slice(at)];
  let { last } = conversation;
  for (const line of entries.slice(at)) if (line.seq === last + 1) last = line.seq;
  return {
    ...conversation,
    entries: entry.kind === 'edit' || entry.kind === 'retract' ? amend(entries, entry) : entries,
    last,
    state: entry.kind === 'closed' ? 'closed' : conversation.state,
  };
}

/**
 * Entries that are loaded later already include later changes, so a change may be applied twice.
 */
function amend(entries: LogEntry[], { kind, target, text, from }: Entry): LogEntry[] {
  return entries.map((line) => {
    if (line.seq !== target || line.kind !== 'message' || line.from.kind !== from.kind) return line;
    // The text of an edit is empty where the message was retracted after it.
    return kind === 'retract' || text === undefined ? retracted(line) : { ...line, text, edited: true };
  });
}

const retracted = (line: LogEntry): LogEntry => ({
  ...line,
  text: undefined,
  files: undefined,
  retracted: true,
});
