// The customer's socket protocol, version `couplet.v1`, as the widget speaks it.
//
// Types only, and the one place where text from the network becomes a value. Invariants: an
// unknown field is carried and ignored, an unknown frame type is dropped, nothing here throws.

import type * as protocol from './protocol';

export const SUBPROTOCOL = 'couplet.v1';

/** What the gateway allows when it has not said otherwise. */
export const TEXT_CHARS = 8000;

export type ConversationState = protocol.Phase;
export type Agent = protocol.Agent;
export type From = protocol.From;
export type FileLink = Pick<protocol.File, 'id' | 'name'> & Partial<protocol.File>;

/** What an agent or a bot offers to be chosen. */
export type Choosable = protocol.Button;

/** The `value` of a button, or a text for each field of a form that was filled in. */
export type Chosen = protocol.ChoiceValue;

/** As many files as one message may have. */
export const FILES = 10;

/** The longest answers to an agent's form, to one before the chat, and comment of a rating. */
export const FIELD_CHARS = 500;
export const ANSWER_CHARS = 1000;
export const COMMENT_CHARS = 1000;

/** A question of a form, the tenant's or an agent's. */
export interface Field extends Partial<protocol.Field> {
  name: string;
  /** Where it is missing, the widget's own word for `name`, `email`, `phone`. */
  label?: string;
  type?: 'text' | 'email' | 'tel' | 'textarea' | 'select' | 'checkbox';
  required?: boolean;
  options?: string[];
}

/** One durable line of a conversation; `seq` is dense from 1. Of a kind unknown here nothing is shown. */
export type Entry = Omit<protocol.Entry, 'kind' | 'files' | 'form'> & {
  kind: string;
  files?: FileLink[];
  form?: Field[];
};

export type Page = protocol.Page;
export type Start = Omit<protocol.Start, 'id'>;
export type Hello = Frame<'hello'>;

/** The commands that are repeated under the same `id` until they are answered. */
export type Durable = Frame<'message' | 'edit' | 'retract' | 'choice' | 'rate' | 'start' | 'end'>;
export type ClientFrame = protocol.ClientFrame;
type Frame<T> = Extract<ClientFrame, { type: T }>;

type Received<T> = Extract<protocol.ServerFrame, { type: T }>;
/** As `parse` leaves them: lists hold whole entries. */
export type Welcome = Omit<Received<'welcome'>, 'entries'> & { entries: Entry[] };
export type Entries = Omit<Received<'entries'>, 'entries'> & { entries: Entry[] };
export type ErrorFrame = Received<'error'>;
export type ServerFrame =
  | Exclude<protocol.ServerFrame, { type: 'welcome' | 'entry' | 'entries' }>
  | Welcome
  | Entries
  | (Entry & { type: 'entry' });

const TYPES = new Set([
  'welcome',
  'ack',
  'entry',
  'state',
  'receipt',
  'typing',
  'pong',
  'entries',
  'error',
  'bye',
]);

/** Reads one frame; undefined for whatever this version does not know. */
export function parse(data: unknown): ServerFrame | undefined {
  if (typeof data !== 'string') return undefined;
  let frame: ServerFrame;
  try {
    frame = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (!frame || !TYPES.has(frame.type)) return undefined;
  if (frame.type === 'entry') return isEntry(frame) ? frame : undefined;
  if (frame.type === 'welcome' || frame.type === 'entries') {
    const conversation = frame.type === 'entries' ? frame.conversation : frame.conversation?.id;
    // Within a list an entry may leave out the conversation that the frame already names.
    const entries = (frame.entries ?? []) as Partial<Entry>[];
    return { ...frame, entries: entries.map((entry) => ({ conversation, ...entry })).filter(isEntry) };
  }
  return frame;
}

function isEntry(entry: Partial<Entry>): entry is Entry {
  return !!entry.conversation && Number.isInteger(entry.seq) && !!entry.from && !!entry.kind;
}

/**
 * A value as JSON. Not left to the browser alone: old frameworks give every array a `toJSON` that
 * makes a text of it.
 */
export function encode(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(encode).join()}]`;
  if (typeof value === 'string') return JSON.stringify(wellFormed(value));
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([name, field]) => `${encode(name)}:${encode(field)}`).join()}}`;
}

/** The length of a text as the gateway counts it: in Unicode scalars. */
export function scalars(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** A lone surrogate has no place in UTF-8 and would make the frame a bad one. */
export function wellFormed(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\ufffd');
}

let counter = 0;

/** An id for a command: unique in its session, also across tabs. */
export function newId(): string {
  const random = crypto.getRandomValues(new Uint32Array(2));
  counter += 1;
  return [Date.now(), counter, ...random].map((part) => part.toString(36)).join('-');
}
