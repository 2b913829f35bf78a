// The one pure function that changes the state. Each kind of change is in a file of its own: frames
// from the gateway (`frames.ts`), conversations and their entries (`entries.ts`), commands that are
// not yet acknowledged (`outbox.ts`).

import type { Config } from '../launcher/config';
import type { Link } from '../socket';
import type { Upload } from '../upload';
import type { ServerFrame } from '../wire';
import { newConversation, withLatest } from './entries';
import { receive } from './frames';
import { refused, withCommand } from './outbox';
import type { Outgoing, State, StoredSession, Target } from './state';

export type Action =
  | { type: 'link'; link: Link }
  | { type: 'panel'; open: boolean; quiet?: boolean }
  | { type: 'consented' }
  | { type: 'config'; config: Config }
  | { type: 'restored'; session?: StoredSession; outbox: Outgoing[] }
  | { type: 'frame'; frame: ServerFrame; identified?: boolean }
  | { type: 'queued'; out: Outgoing }
  | { type: 'retry'; id: string }
  | { type: 'discarded'; id: string }
  | { type: 'uploads'; uploads: readonly Upload[] }
  | { type: 'target'; target?: Target }
  | { type: 'answers'; answers: Record<string, string> }
  | { type: 'preferences'; muted?: boolean; notify?: State['notify'] }
  | { type: 'rated'; score: number }
  | { type: 'loading'; id: string }
  | { type: 'seen'; upTo?: number }
  | { type: 'typingExpired' };

/** How much of a long conversation a reload shows at once; scrolling back fetches the rest. */
const REPLAYED = 50;
/** Unsent messages older than this are not sent without loading the customer. */
const STALE_MS = 24 * 3600_000;

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'link':
      // Requests and typing states of a lost connection will not be completed.
      return { ...disconnected(state), link: action.link };
    case 'panel':
      return { ...state, open: action.open, quiet: action.open && !!action.quiet };
    case 'consented':
      return { ...state, consented: true };
    case 'config':
      return { ...state, config: action.config };
    case 'restored':
      return restore(state, action.session, action.outbox);
    case 'frame':
      return receive(state, action.frame, !!action.identified);
    case 'queued':
      return { ...state, outbox: [...state.outbox, action.out] };
    case 'retry':
      return withCommand(state, action.id, ({ failed, ...out }) => out);
    case 'discarded':
      return withCommand(state, action.id, () => undefined);
    case 'uploads':
      return { ...state, uploads: action.uploads };
    case 'target':
      return { ...state, target: action.target };
    case 'answers':
      return { ...state, answers: { ...state.answers, ...action.answers } };
    case 'preferences':
      return { ...state, muted: action.muted ?? state.muted, notify: action.notify ?? state.notify };
    case 'rated':
      return withLatest(state, (c) => ({ ...c, rated: action.score }));
    case 'loading':
      return withLatest(state, (c) => ({ ...c, loading: action.id }));
    case 'seen':
      return seen(state, action.upTo);
    case 'typingExpired':
      return { ...state, typing: undefined };
  }
}

function seen(state: State, upTo: number | undefined): State {
  if (upTo !== undefined) return withLatest(state, (c) => ({ ...c, read: Math.max(c.read, upTo) }));
  const conversations = state.conversations.map((c) => ({ ...c, read: Math.max(c.read, c.last) }));
  return { ...state, conversations };
}

function disconnected(state: State): State {
  const conversations = state.conversations.map((c) => (c.loading ? { ...c, loading: undefined } : c));
  return { ...state, conversations, typing: undefined };
}

function restore(state: State, session: StoredSession | undefined, outbox: Outgoing[]): State {
  const now = Date.now();
  const held = new Set(state.outbox.map(({ frame }) => frame.id));
  const left = outbox
    .filter(({ frame }) => !held.has(frame.id))
    .flatMap((out) => (now - out.at > STALE_MS ? (refused(out, 'stale') ?? []) : out));
  const next = { ...state, outbox: [...left, ...state.outbox] };
  if (!session) return next;
  const { conversation, customer, seq = 0, read = 0, rated } = session;
  if (!conversation) return { ...next, customer };
  const last = Math.max(0, seq - REPLAYED);
  const restored = { ...newConversation(conversation), last, known: seq, read, rated };
  restored.state = session.open ? 'waiting' : 'closed';
  const others = state.conversations.filter(({ id }) => id !== conversation);
  return { ...next, customer, conversations: [...others, restored] };
}
