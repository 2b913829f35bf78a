// What is stored of the state, and how it returns: after a page load, and from other tabs.
//
// Invariant: a command is stored before it is sent, and until it is acknowledged.

import { isOpen, latest, type State, type StoredSession } from '../state/state';
import type { Store } from '../store';
import { encode } from '../wire';
import type { Core } from './core';

/** Stores what has changed. */
export function persist(store: Store, before: State, after: State): void {
  if (before.outbox !== after.outbox) {
    const kept = new Set(after.outbox);
    const known = new Set(before.outbox);
    for (const out of before.outbox) if (!kept.has(out)) store.dropOut(out.frame.id);
    for (const out of after.outbox) if (!known.has(out) && !out.excess) store.putOut(out);
  }
  if (before.conversations === after.conversations) return;
  const session = store.session();
  const conversation = latest(after);
  if (!session || !conversation) return;
  const { id, last, known } = conversation;
  // Another tab may be further.
  const other: Partial<StoredSession> = session.conversation === id ? session : {};
  const seq = Math.max(last, known, other.seq ?? 0);
  const read = Math.max(conversation.read, other.read ?? 0);
  const { rated } = conversation;
  const next: StoredSession = { ...session, conversation: id, open: isOpen(after), seq, read, rated };
  if (encode(next) !== encode(session)) store.saveSession(next);
}

/** Resumes what an earlier page, or another tab, has stored. */
export function restore({ state, dispatch, store, attention }: Core): void {
  const { muted, notify } = store.preferences();
  dispatch({ type: 'preferences', muted, notify: notify && attention.isGranted() ? 'on' : undefined });
  const outbox = store.outbox();
  dispatch({ type: 'restored', session: store.session(), outbox });
  // The customer did not open it, so the focus stays with the page.
  if (store.tab().open && !state().open) dispatch({ type: 'panel', open: true, quiet: true });
  const kept = new Set(state().outbox.map(({ frame }) => frame.id));
  for (const { frame } of outbox) if (!kept.has(frame.id)) store.dropOut(frame.id);
}

/**
 * Follows the other tabs: one may have started a conversation, or shown messages, that this tab has
 * not. Returns a function that stops it.
 */
export function followTabs(core: Core): () => void {
  return core.store.watch((session) => {
    const state = core.state();
    const conversation = latest(state);
    if (!state.consented) return;
    if (session.customer !== state.customer && !conversation) {
      restore(core);
      core.socket.restart();
    } else if (session.open && session.conversation !== conversation?.id && state.link === 'idle') {
      // A connected tab learns of it from its own socket; an unconnected one has a reason to
      // connect.
      restore(core);
    } else if (session.conversation === conversation?.id && (session.read ?? 0) > (conversation?.read ?? 0)) {
      core.dispatch({ type: 'seen', upTo: session.read });
    }
  });
}
