// The commands that are not yet acknowledged: what an acknowledgement, or a refusal, makes of them.

import { cut } from '../fit';
import { type Command, type ServerFrame, scalars, TEXT_CHARS } from '../wire';
import { addEntry, loaded, withConversation } from './entries';
import type { Outgoing, State } from './state';

/** The refusal of a command that will never fit. */
export const TOO_LARGE = 'too_large';
/** Temporary errors: the command stays in the outbox and is resent. */
export const TEMPORARY = new Set(['rate_limited', 'unavailable']);
/** How much is shown of a text that is too long to send. */
const EXCERPT_CHARS = 280;
const CONTACT = ['name', 'email', 'phone'];

export function acknowledge(state: State, ack: Extract<ServerFrame, { type: 'ack' }>): State {
  const out = state.outbox.find(({ frame }) => frame.id === ack.id);
  if (!out) return state;
  const { frame } = out;
  const next = withCommand(state, ack.id, () => undefined);
  const { conversation, seq, at } = ack;
  if (!conversation || frame.type === 'rate') return next;
  if (frame.type === 'start' || !seq) return withConversation(next, conversation, (c) => c);
  const entry = { conversation, seq, at, id: frame.id, from: { kind: 'customer' } } as const;
  switch (frame.type) {
    case 'end':
      return addEntry(next, { ...entry, kind: 'closed' });
    case 'edit':
    case 'retract': {
      const changed = state.conversations.find(({ id }) => id === conversation)?.entries;
      const target = changed?.find(({ id }) => id === frame.target)?.seq;
      const text = frame.type === 'edit' ? frame.text : undefined;
      return addEntry(next, { ...entry, kind: frame.type, target, text });
    }
    case 'react':
      return addEntry(next, {
        ...entry,
        kind: 'reaction',
        target: frame.target,
        text: frame.emoji,
      });
    case 'choice':
      return addEntry(next, { ...entry, kind: 'choice', reply_to: frame.of, text: out.label });
    case 'message':
      return addEntry(next, {
        ...entry,
        kind: 'message',
        text: frame.text,
        files: out.files,
        reply_to: frame.reply_to,
      });
  }
}

export function refuse(state: State, id: string | undefined, code: string): State {
  if (!id || TEMPORARY.has(code)) return state;
  return loaded(
    withCommand(state, id, (out) => refused(out, code)),
    id,
    true,
  );
}

/**
 * A refused message is kept for the customer to decide about; a refused start is reduced to what
 * can be granted.
 */
export function refused(out: Outgoing, code: string): Outgoing | undefined {
  const { frame } = out;
  if (frame.type === 'start') return code === 'stale' ? undefined : reduced(out, frame, code);
  if (frame.type !== 'message' && frame.type !== 'edit') return undefined;
  const excess = scalars(frame.text ?? '') - TEXT_CHARS;
  if (excess <= 0) return { ...out, failed: out.failed ?? code };
  // Only the beginning is kept, so that the customer recognises the message.
  const text = cut(frame.text ?? '', EXCERPT_CHARS);
  return { ...out, frame: { ...frame, text }, failed: TOO_LARGE, excess };
}

/** The answers that say who the customer is, which stays true in their next conversation. */
export function contactOf(answers: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(answers).filter(([name]) => CONTACT.includes(name)));
}

/** A refused start without what may have been the reason; it takes the place of the first. */
function reduced(
  out: Outgoing,
  frame: Extract<Command, { type: 'start' }>,
  code: string,
): Outgoing | undefined {
  const { queue, answers = {}, subject, ...rest } = frame;
  const id = `${frame.id}-`;
  if (code === 'unknown_queue' && queue) {
    return { ...out, frame: { ...frame, id, queue: undefined } };
  }
  if (code !== TOO_LARGE && code !== 'bad_frame') return undefined;
  const contact = contactOf(answers);
  const count = Object.keys(contact).length;
  if (subject || count < Object.keys(answers).length) {
    return { ...out, frame: { ...rest, id, queue, answers: contact } };
  }
  return queue && count > 0 ? { ...out, frame: { ...rest, id, queue } } : undefined;
}

export function withCommand(
  state: State,
  id: string,
  change: (out: Outgoing) => Outgoing | undefined,
): State {
  const outbox = state.outbox.flatMap((out) => (out.frame.id === id ? (change(out) ?? []) : out));
  return { ...state, outbox };
}
