// The widget's state, and the one pure function that changes it.
//
// Invariants: the entries of a conversation are in `seq` order and unique; there are no gaps up to
// `last`, so a resume may claim to have seen everything up to it; an own message is either in the
// outbox or an entry, never both.

import { cut } from './fit';
import type { Config } from './launcher/config';
import type { Link } from './socket';
import type { Upload } from './upload';
import {
  type Agent,
  type ConversationState,
  type Durable,
  type Entry,
  type FileLink,
  type ServerFrame,
  scalars,
  TEXT_CHARS,
  type Welcome,
} from './wire';

export interface Line extends Entry {
  edited?: boolean;
  retracted?: boolean;
}

export interface Conversation {
  id: string;
  state: ConversationState;
  agent?: Agent;
  position?: number;
  /** The customer waits while nobody is online; the gateway sends no place then. */
  unattended?: boolean;
  eta?: number;
  entries: readonly Line[];
  /** Every entry from the first one held up to this `seq` is held. */
  last: number;
  /** Entries up to this `seq` were seen before this page was loaded. */
  known: number;
  /** Entries up to this `seq` were shown to the customer. */
  read: number;
  /** Own messages up to these `seq`s have reached, or were read in, the agent's client. */
  delivered: number;
  confirmed: number;
  /** The id of the pending `history` request. */
  asking?: string;
  /** There are no earlier entries. */
  complete: boolean;
  /** The customer's score; 0 if they declined to give one. */
  rated?: number;
}

export interface Outgoing {
  frame: Durable;
  at: number;
  /** To display what the frame only references: its files, and the label of a choice. */
  files?: FileLink[];
  label?: string;
  /** The error code of a permanent refusal; only the customer can resend it. */
  failed?: string;
  /** By how many characters it is too long; it cannot be sent as it is, and is not stored. */
  excess?: number;
}

/** What is stored of a session between two page loads. */
export interface Remembered {
  token: string;
  customer: string;
  conversation?: string;
  open?: boolean;
  seq?: number;
  read?: number;
  rated?: number;
}

export interface State {
  link: Link;
  open: boolean;
  /** The customer did not open the panel, so the focus stays where it is. */
  quiet: boolean;
  consented: boolean;
  config: Config;
  textChars?: number;
  fileBytes?: number;
  customer?: string;
  conversations: readonly Conversation[];
  outbox: readonly Outgoing[];
  /** Files that will be sent with the next message. */
  uploads: readonly Upload[];
  /** The message that the next one replies to, or the own message it replaces. */
  aim?: Aim;
  /** Answers of the form that the page has already given. */
  known: Readonly<Record<string, string>>;
  /** The queue chosen by the page; the customer is not asked for it then. */
  queue?: string;
  muted: boolean;
  /** Permission to notify: may be requested, was granted or was refused. */
  notify: 'ask' | 'on' | 'off';
  typing?: { name?: string };
}

export interface Aim {
  is: 'reply' | 'edit';
  conversation: string;
  seq: number;
}

export type Action =
  | { type: 'link'; link: Link }
  | { type: 'panel'; open: boolean; quiet?: boolean }
  | { type: 'consented' }
  | { type: 'config'; config: Config }
  | { type: 'restored'; session?: Remembered; outbox: Outgoing[] }
  | { type: 'frame'; frame: ServerFrame; identified?: boolean }
  | { type: 'queued'; out: Outgoing }
  | { type: 'retry'; id: string }
  | { type: 'discarded'; id: string }
  | { type: 'uploads'; uploads: readonly Upload[] }
  | { type: 'aimed'; aim?: Aim }
  | { type: 'known'; answers: Record<string, string> }
  | { type: 'chose'; muted?: boolean; notify?: State['notify'] }
  | { type: 'rated'; score: number }
  | { type: 'asked'; id: string }
  | { type: 'seen'; upTo?: number }
  | { type: 'hushed' };

/** How much of a long conversation a reload shows at once; scrolling back fetches the rest. */
const REPLAYED = 50;
/** How much is shown of a text that is too long to send. */
const EXCERPT_CHARS = 280;
/** Unsent messages older than this are not sent without asking the customer. */
const STALE_MS = 24 * 3600_000;

/** The refusal of a command that will never fit. */
export const TOO_LARGE = 'too_large';

/** Temporary errors: the command stays in the outbox and is resent. */
export const PASSING = new Set(['rate_limited', 'unavailable']);

export const initial: State = {
  link: 'idle',
  open: false,
  quiet: false,
  consented: true,
  config: {},
  conversations: [],
  outbox: [],
  uploads: [],
  known: {},
  muted: false,
  notify: 'off',
};

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'link':
      // Requests and typing states of a lost connection will not be completed.
      return { ...offLine(state), link: action.link };
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
      return withOut(state, action.id, ({ failed, ...out }) => out);
    case 'discarded':
      return withOut(state, action.id, () => undefined);
    case 'uploads':
      return { ...state, uploads: action.uploads };
    case 'aimed':
      return { ...state, aim: action.aim };
    case 'known':
      return { ...state, known: { ...state.known, ...action.answers } };
    case 'chose':
      return { ...state, muted: action.muted ?? state.muted, notify: action.notify ?? state.notify };
    case 'rated':
      return withLatest(state, (c) => ({ ...c, rated: action.score }));
    case 'asked':
      return withLatest(state, (c) => ({ ...c, asking: action.id }));
    case 'seen':
      return seen(state, action.upTo);
    case 'hushed':
      return { ...state, typing: undefined };
  }
}

/** The open conversation, or else the last one. */
export function latest(state: State): Conversation | undefined {
  return state.conversations[state.conversations.length - 1];
}

export function isOpen(state: State): boolean {
  const conversation = latest(state);
  return !!conversation && conversation.state !== 'closed';
}

export function unread(state: State): number {
  let count = 0;
  for (const { entries, read } of state.conversations) {
    for (const line of entries) if (line.seq > read && isSpoken(line)) count += 1;
  }
  return count;
}

/** Whether an entry is a message from the other side. */
export function isSpoken(line: Line): boolean {
  return line.kind === 'message' && (line.from.kind === 'agent' || line.from.kind === 'bot');
}

/** Whether a command is pending that will begin a conversation, or belongs to one. */
export function isStarting(state: State): boolean {
  return state.outbox.some(
    ({ frame, failed }) => !failed && (frame.type === 'start' || frame.type === 'message'),
  );
}

/** Whether the conversation has ended, the customer took part, and has not rated it. */
export function isToBeRated(state: State): boolean {
  const conversation = latest(state);
  if (conversation?.state !== 'closed' || conversation.rated !== undefined) return false;
  const { entries } = conversation;
  const spoke = (side: string) => entries.some(({ kind, from }) => kind === 'message' && from.kind === side);
  return spoke('customer') && spoke('agent') && !isStarting(state);
}

function seen(state: State, upTo: number | undefined): State {
  if (upTo !== undefined) return withLatest(state, (c) => ({ ...c, read: Math.max(c.read, upTo) }));
  const conversations = state.conversations.map((c) => ({ ...c, read: Math.max(c.read, c.last) }));
  return { ...state, conversations };
}

function offLine(state: State): State {
  const conversations = state.conversations.map((c) => (c.asking ? { ...c, asking: undefined } : c));
  return { ...state, conversations, typing: undefined };
}

function restore(state: State, session: Remembered | undefined, outbox: Outgoing[]): State {
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
  const restored = { ...begun(conversation), last, known: seq, read, rated };
  restored.state = session.open ? 'waiting' : 'closed';
  const others = state.conversations.filter(({ id }) => id !== conversation);
  return { ...next, customer, conversations: [...others, restored] };
}

function receive(state: State, frame: ServerFrame, identified: boolean): State {
  switch (frame.type) {
    case 'welcome':
      return welcome(state, frame, identified);
    case 'entry':
      return take(state, frame);
    case 'entries':
      return takeList(state, frame.entries, frame.for, !!frame.more);
    case 'ack':
      return acknowledge(state, frame);
    case 'state': {
      const { conversation, state: now, position, eta_s: eta, agent } = frame;
      return withConversation(state, conversation, (c) => ({
        ...c,
        state: now,
        position: now === 'waiting' ? position : undefined,
        unattended: now === 'waiting' && !position,
        eta: now === 'waiting' ? eta : undefined,
        agent: agent ?? (now === 'waiting' ? undefined : c.agent),
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
  next = takeList(next, entries);
  const conversation = receipt?.conversation ?? open?.id;
  return conversation ? receive(next, { type: 'receipt', ...receipt, conversation }, identified) : next;
}

function takeList(state: State, entries: readonly Entry[], asked?: string, more = false): State {
  let next = state;
  for (const entry of entries) next = take(next, entry);
  if (!asked) return next;
  const conversations = next.conversations.map((c) =>
    c.asking === asked ? { ...c, asking: undefined, complete: !more } : c,
  );
  return { ...next, conversations };
}

function take(state: State, entry: Entry): State {
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
  const line: Line = isEmpty ? retracted(entry) : entry;
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
function amend(entries: Line[], { kind, target, text, from }: Entry): Line[] {
  return entries.map((line) => {
    if (line.seq !== target || line.kind !== 'message' || line.from.kind !== from.kind) return line;
    // The text of an edit is empty where the message was retracted after it.
    return kind === 'retract' || text === undefined ? retracted(line) : { ...line, text, edited: true };
  });
}

const retracted = (line: Line): Line => ({ ...line, text: undefined, files: undefined, retracted: true });

function acknowledge(state: State, ack: Extract<ServerFrame, { type: 'ack' }>): State {
  const out = state.outbox.find(({ frame }) => frame.id === ack.id);
  if (!out) return state;
  const { frame } = out;
  const next = withOut(state, ack.id, () => undefined);
  const { conversation, seq, at } = ack;
  if (!conversation || frame.type === 'rate') return next;
  if (frame.type === 'start' || !seq) return withConversation(next, conversation, (c) => c);
  const entry = { conversation, seq, at, id: frame.id, from: { kind: 'customer' } } as const;
  switch (frame.type) {
    case 'end':
      return take(next, { ...entry, kind: 'closed' });
    case 'edit':
    case 'retract': {
      const changed = state.conversations.find(({ id }) => id === conversation)?.entries;
      const target = changed?.find(({ id }) => id === frame.target)?.seq;
      const text = frame.type === 'edit' ? frame.text : undefined;
      return take(next, { ...entry, kind: frame.type, target, text });
    }
    case 'choice':
      return take(next, { ...entry, kind: 'choice', reply_to: frame.of, text: out.label });
    case 'message':
      return take(next, {
        ...entry,
        kind: 'message',
        text: frame.text,
        files: out.files,
        reply_to: frame.reply_to,
      });
  }
}

function refuse(state: State, id: string | undefined, code: string): State {
  if (!id || PASSING.has(code)) return state;
  const next = withOut(state, id, (out) => refused(out, code));
  const conversations = next.conversations.map((c) =>
    c.asking === id ? { ...c, asking: undefined, complete: true } : c,
  );
  return { ...next, conversations };
}

/**
 * A refused message is kept for the customer to decide about; a refused start is reduced to what
 * can be granted.
 */
export function refused(out: Outgoing, code: string): Outgoing | undefined {
  const { frame } = out;
  if (frame.type === 'start') return code === 'stale' ? undefined : humbler(out, frame, code);
  if (frame.type !== 'message' && frame.type !== 'edit') return undefined;
  const excess = scalars(frame.text ?? '') - TEXT_CHARS;
  if (excess <= 0) return { ...out, failed: out.failed ?? code };
  // Only the beginning is kept, so that the customer recognises the message.
  const text = cut(frame.text ?? '', EXCERPT_CHARS);
  return { ...out, frame: { ...frame, text }, failed: TOO_LARGE, excess };
}

const WHO = ['name', 'email', 'phone'];

/** A refused start without what may have been the reason; it takes the place of the first. */
function humbler(
  out: Outgoing,
  frame: Extract<Durable, { type: 'start' }>,
  code: string,
): Outgoing | undefined {
  const { queue, answers = {}, subject, ...rest } = frame;
  const id = `${frame.id}-`;
  if (code === 'unknown_queue' && queue) {
    return { ...out, frame: { ...frame, id, queue: undefined } };
  }
  if (code !== TOO_LARGE && code !== 'bad_frame') return undefined;
  const who = Object.entries(answers).filter(([name]) => WHO.includes(name));
  if (subject || who.length < Object.keys(answers).length) {
    return { ...out, frame: { ...rest, id, queue, answers: Object.fromEntries(who) } };
  }
  return queue && who.length > 0 ? { ...out, frame: { ...rest, id, queue } } : undefined;
}

function begun(id: string): Conversation {
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

function withConversation(state: State, id: string, change: (c: Conversation) => Conversation): State {
  const held = state.conversations.some((c) => c.id === id);
  const conversations = held ? state.conversations : [...state.conversations, begun(id)];
  return { ...state, conversations: conversations.map((c) => (c.id === id ? change(c) : c)) };
}

function withLatest(state: State, change: (c: Conversation) => Conversation): State {
  const conversation = latest(state);
  return conversation ? withConversation(state, conversation.id, change) : state;
}

function withOut(state: State, id: string, change: (out: Outgoing) => Outgoing | undefined): State {
  const outbox = state.outbox.flatMap((out) => (out.frame.id === id ? (change(out) ?? []) : out));
  return { ...state, outbox };
}
