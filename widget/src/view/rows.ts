// From state to what stands in the log, line by line. Pure, and so the place for every rule about
// grouping, ticks and order.
//
// Invariant: a message of ours keeps its key from the first keystroke's send to its last receipt,
// so its element is never made twice.

import type { Words } from '../i18n';
import type { Conversation, Line, State } from '../state';
import type { FileLink, From } from '../wire';

export type MessageState = 'sending' | 'sent' | 'delivered' | 'read' | 'failed';

export interface MessageRow {
  is: 'message';
  key: string;
  from: From;
  text: string;
  at: number;
  seq?: number;
  /** The command's id, of an own message that can be sent again. */
  id?: string;
  /** Of own messages only. */
  state?: MessageState;
  files: readonly FileLink[];
  edited: boolean;
  retracted: boolean;
  /** The first and the last of a group: one author, one minute. */
  first: boolean;
  last: boolean;
}

export interface NoteRow {
  is: 'note' | 'day';
  key: string;
  text: string;
}

export type Row = MessageRow | NoteRow;

const MINUTE_MS = 60_000;

export function rows(state: State, words: Words, day: (at: number) => string): Row[] {
  const today = day(Date.now());
  const list: Row[] = [];
  let shownDay = today;
  let previous: MessageRow | undefined;

  function add(row: Row, at: number): void {
    const rowDay = day(at);
    if (rowDay !== shownDay) {
      shownDay = rowDay;
      previous = undefined;
      list.push({ is: 'day', key: `day ${rowDay}`, text: rowDay });
    }
    if (row.is === 'message' && previous && belongTogether(previous, row)) {
      previous.last = false;
      row.first = false;
    }
    previous = row.is === 'message' ? row : undefined;
    list.push(row);
  }

  for (const conversation of state.conversations) {
    for (const line of conversation.entries) {
      const row = line.kind === 'message' ? message(conversation, line) : note(conversation, line, words);
      if (row) add(row, line.at);
    }
  }
  for (const { frame, at, failed } of state.outbox) {
    if (frame.type !== 'message') continue;
    const { id, text } = frame;
    const from: From = { kind: 'customer' };
    add({ ...blank, key: id, id, from, text, at, state: failed ? 'failed' : 'sending' }, at);
  }
  return list;
}

const blank = { is: 'message', files: [], edited: false, retracted: false, first: true, last: true } as const;

function message(conversation: Conversation, line: Line): MessageRow {
  const { seq, at, from, text = '', files = [], edited = false, retracted = false } = line;
  const own = from.kind === 'customer';
  return {
    ...blank,
    key: own && line.id ? line.id : `${conversation.id} ${seq}`,
    from,
    text,
    at,
    seq,
    state: own ? progress(conversation, seq) : undefined,
    files,
    edited,
    retracted,
  };
}

function progress({ confirmed, delivered }: Conversation, seq: number): MessageState {
  if (seq <= confirmed) return 'read';
  return seq <= delivered ? 'delivered' : 'sent';
}

function note(conversation: Conversation, line: Line, words: Words): NoteRow | undefined {
  const text = noteText(line, words);
  return text ? { is: 'note', key: `${conversation.id} ${line.seq}`, text } : undefined;
}

function noteText({ kind, from, text }: Line, words: Words): string | undefined {
  const name = from.kind === 'agent' || from.kind === 'bot' ? (from.name ?? words.agent) : undefined;
  switch (kind) {
    case 'joined':
      return words.joined(name ?? words.agent);
    case 'left':
      return words.left(name ?? words.agent);
    case 'transferred':
      return words.transferred(name);
    case 'closed':
      return words.closed;
    case 'notice':
      return text;
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
