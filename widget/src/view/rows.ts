// Turns the state into the rows of the log. Pure, and so the place for every rule about grouping,
// ticks, order, and a message's actions.
//
// Invariant: an own message keeps its key from when it is sent to its last receipt, so its element
// is created only once.

import type { Words } from '../i18n/en';
import { fill } from '../i18n/fill';
import {
  type Conversation,
  entryAt,
  isOpen,
  type LogEntry,
  latest,
  type Outgoing,
  type State,
} from '../state/state';
import type { Button, Field, FileLink, From } from '../wire';

/** The name that the customer reads. */
export function authorOf({ kind, name }: From, words: Words): string {
  return kind === 'customer' ? words.you : (name ?? words.agent);
}

export type MessageState = 'sending' | 'sent' | 'delivered' | 'read' | 'failed';

/** The message that another one replies to. */
export interface Quote {
  key: string;
  author: string;
  text: string;
}

export interface MessageRow {
  is: 'message';
  key: string;
  from: From;
  text: string;
  at: number;
  seq?: number;
  conversation?: string;
  /** The command's id, of an own message that can be resent. */
  id?: string;
  /** Own messages only. */
  state?: MessageState;
  /** By how many characters it is too long to be sent. */
  excess?: number;
  files: readonly FileLink[];
  quote?: Quote;
  /** The buttons or form that can still be answered. */
  buttons: readonly Button[];
  form: readonly Field[];
  mayReply: boolean;
  /** Whether the customer may edit and delete it. */
  mayChange: boolean;
  /** Whether the customer may react to it. */
  mayReact: boolean;
  /** The emoji of the customer and of the other side; empty if none. */
  mine: string;
  theirs: string;
  edited: boolean;
  retracted: boolean;
  /** The first and the last of a group: same author, same minute. */
  first: boolean;
  last: boolean;
}

export interface NoteRow {
  is: 'note' | 'day';
  key: string;
  text: string;
}

export type Row = MessageRow | NoteRow;

const CUSTOMER: From = { kind: 'customer' };
const MINUTE_MS = 60_000;
const QUOTED_CHARS = 80;

export function rows(state: State, words: Words, day: (at: number) => string): Row[] {
  const list: Row[] = [];
  let shownDay = dateOf(Date.now());
  const headings = new Map<number, number>();
  let previous: MessageRow | undefined;

  function add(row: Row, at: number): void {
    const rowDay = dateOf(at);
    if (rowDay !== shownDay) {
      shownDay = rowDay;
      previous = undefined;
      // A day may occur twice, if a clock was wrong or a message was sent late; each time it gets
      // its own row.
      const times = (headings.get(rowDay) ?? 0) + 1;
      headings.set(rowDay, times);
      list.push({ is: 'day', key: `day ${rowDay} ${times}`, text: day(at) });
    }
    if (row.is === 'message' && previous && belongTogether(previous, row)) {
      previous.last = false;
      row.first = false;
    }
    previous = row.is === 'message' ? row : undefined;
    list.push(row);
  }

  for (const conversation of state.conversations) {
    const context = contextOf(state, conversation, words);
    for (const line of conversation.entries) {
      const isSaid = line.kind === 'message' || line.kind === 'choice';
      const row = isSaid ? message(context, line) : note(conversation, line, words);
      if (row) add(row, line.at);
    }
  }
  const current = latest(state);
  const context = current && contextOf(state, current, words);
  for (const out of state.outbox) {
    const row = waiting(out, context);
    if (row) add(row, out.at);
  }
  return list;
}

/** A day by the customer's clock; not by its name, which recurs after some years. */
const dateOf = (at: number) => new Date(at).setHours(0, 0, 0, 0);

/**
 * Whether two rows look the same, so that nothing has to be updated; lists are compared by
 * identity.
 */
export function isSame(one: Row | Quote | undefined, other: Row | Quote | undefined): boolean {
  if (!one || !other) return one === other;
  const [before, after] = [Object.entries(one), other as unknown as Record<string, unknown>];
  return before.every(([name, value]) =>
    name === 'quote' ? isSame(value, after.quote as Quote | undefined) : value === after[name],
  );
}

/** What is needed to turn an entry into a row. */
interface Context {
  conversation: Conversation;
  words: Words;
  isCurrent: boolean;
  /** Entries whose buttons or form have been answered. */
  answered: ReadonlySet<number | undefined>;
  /** Own edits and retractions that are not stored yet, by the message they change. */
  changes: ReadonlyMap<string, Outgoing>;
  /** The reactions of the customer and of the other side, by the message's `seq`. */
  mine: ReadonlyMap<number | undefined, string>;
  theirs: ReadonlyMap<number | undefined, string>;
}

function contextOf(state: State, conversation: Conversation, words: Words): Context {
  const isCurrent = conversation === latest(state) && isOpen(state);
  const chosen = conversation.entries.filter(({ kind }) => kind === 'choice').map(({ reply_to }) => reply_to);
  const choosing = state.outbox.map(({ frame }) =>
    frame.type === 'choice' && isCurrent ? frame.of : undefined,
  );
  const changes = new Map<string, Outgoing>();
  const [mine, theirs] = [new Map<number | undefined, string>(), new Map<number | undefined, string>()];
  for (const { kind, from, target, text = '' } of conversation.entries) {
    if (kind === 'reaction') (from.kind === 'customer' ? mine : theirs).set(target, text);
  }
  for (const out of state.outbox) {
    const { frame } = out;
    if (frame.type === 'react') {
      if (isCurrent) mine.set(frame.target, frame.emoji ?? '');
    } else if ('target' in frame) changes.set(frame.target, out);
  }
  return {
    conversation,
    words,
    isCurrent,
    answered: new Set([...chosen, ...choosing]),
    changes,
    mine,
    theirs,
  };
}

const blank = {
  is: 'message',
  files: [],
  buttons: [],
  form: [],
  mayReply: false,
  mayChange: false,
  mayReact: false,
  mine: '',
  theirs: '',
  edited: false,
  retracted: false,
  first: true,
  last: true,
} as const;

function message(context: Context, line: LogEntry): MessageRow {
  const { conversation, isCurrent, answered, changes } = context;
  const { seq, at, from, id, edited = false, retracted = false } = line;
  const { files = blank.files, buttons = blank.buttons, form = blank.form } = line;
  const own = from.kind === 'customer';
  const key = own && id ? id : `${conversation.id} ${seq}`;
  const change = own && id ? changes.get(id) : undefined;
  const isOffered = isCurrent && !answered.has(seq) && !retracted;
  let text = line.text ?? '';
  if (change?.frame.type === 'edit') text = change.frame.text;
  const state = !own
    ? undefined
    : change
      ? change.failed
        ? 'failed'
        : 'sending'
      : progress(conversation, seq);
  return {
    ...blank,
    key,
    from,
    text,
    at,
    seq,
    conversation: conversation.id,
    id: change?.frame.id,
    state,
    files,
    quote: quoted(context, line.reply_to, line.kind),
    buttons: isOffered ? buttons : blank.buttons,
    form: isOffered ? form : blank.form,
    mayReply: isCurrent && !retracted && line.kind === 'message',
    mayChange: isCurrent && own && !!id && !retracted && line.kind === 'message' && !change,
    mayReact: isCurrent && !own && !retracted && line.kind === 'message',
    mine: retracted ? '' : (context.mine.get(seq) ?? ''),
    theirs: retracted ? '' : (context.theirs.get(seq) ?? ''),
    edited,
    retracted: retracted || change?.frame.type === 'retract',
  };
}

/** A message that is not stored yet. */
function waiting(out: Outgoing, context: Context | undefined): MessageRow | undefined {
  const { frame, at, failed, excess, files = blank.files, label } = out;
  const state = failed ? 'failed' : 'sending';
  const own = {
    ...blank,
    key: frame.id,
    id: frame.id,
    from: CUSTOMER,
    at,
    state,
    excess,
    files,
  } as const;
  if (frame.type === 'choice') return { ...own, text: label ?? '' };
  if (frame.type !== 'message') return undefined;
  return { ...own, text: frame.text ?? '', quote: context && quoted(context, frame.reply_to) };
}

function quoted({ conversation, words }: Context, seq: number | undefined, kind?: string): Quote | undefined {
  const line = kind === 'choice' ? undefined : entryAt(conversation, seq);
  if (!line || line.kind !== 'message') return undefined;
  const own = line.from.kind === 'customer';
  const text = line.retracted ? words.removed : line.text || (line.files?.[0]?.name ?? '');
  return {
    key: own && line.id ? line.id : `${conversation.id} ${line.seq}`,
    author: authorOf(line.from, words),
    text: [...text].slice(0, QUOTED_CHARS).join(''),
  };
}

function progress({ confirmed, delivered }: Conversation, seq: number): MessageState {
  if (seq <= confirmed) return 'read';
  return seq <= delivered ? 'delivered' : 'sent';
}

function note(conversation: Conversation, line: LogEntry, words: Words): NoteRow | undefined {
  const text = noteText(line, words);
  return text ? { is: 'note', key: `${conversation.id} ${line.seq}`, text } : undefined;
}

function noteText({ kind, from }: LogEntry, words: Words): string | undefined {
  const name = from.name ?? words.agent;
  switch (kind) {
    case 'joined':
    case 'transferred':
      return fill(words.joined, name);
    case 'left':
      return fill(words.left, name);
    case 'reminder':
      return words.stillThere;
    case 'closed':
      return words.closed;
    default:
      return undefined;
  }
}

function belongTogether(one: MessageRow, other: MessageRow): boolean {
  return (
    one.from.kind === other.from.kind &&
    one.from.name === other.from.name &&
    one.state !== 'failed' &&
    other.state !== 'failed' &&
    Math.floor(one.at / MINUTE_MS) === Math.floor(other.at / MINUTE_MS)
  );
}
