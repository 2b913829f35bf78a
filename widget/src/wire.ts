// The customer's socket protocol, version `couplet.v1`, as the widget speaks it.
//
// Types only, and the one place where text from the network becomes a value. Invariants: an
// unknown field is carried and ignored, an unknown frame type is dropped, nothing here throws.

export const SUBPROTOCOL = 'couplet.v1';

/** What the gateway allows when it has not said otherwise. */
export const TEXT_CHARS = 8000;

export type ConversationState = 'waiting' | 'active' | 'closed';

export interface Person {
  name?: string;
  avatar?: string;
}

export interface From extends Person {
  kind: 'customer' | 'agent' | 'bot' | 'system';
}

export interface FileLink {
  id: string;
  name: string;
  type?: string;
  size?: number;
  url?: string;
}

/** What an agent or a bot offers to be chosen. */
export interface Choosable {
  label: string;
  value: string;
}

/** The `value` of a button, or a text for each field of a form that was filled in. */
export type Chosen = string | Record<string, string>;

/** The longest answers to an agent's form, to one before the chat, and comment of a rating. */
export const FIELD_CHARS = 500;
export const ANSWER_CHARS = 1000;
export const COMMENT_CHARS = 1000;

/** A question of a form. */
export interface Field {
  name: string;
  /** Where it is missing, the widget's own word for `name`, `email`, `phone`. */
  label?: string;
  type?: 'text' | 'email' | 'tel' | 'textarea' | 'select' | 'checkbox';
  required?: boolean;
  options?: string[];
}

/** One durable line of a conversation; `seq` is dense from 1. */
export interface Entry {
  conversation: string;
  seq: number;
  at: number;
  kind: string;
  from: From;
  id?: string;
  text?: string;
  files?: FileLink[];
  /** The `seq` of the message that an edit or a retraction changes. */
  target?: number;
  reply_to?: number;
  buttons?: Choosable[];
  form?: Field[];
}

export interface Page {
  url: string;
  title: string;
  referrer?: string;
}

export interface Start {
  queue?: string;
  subject?: string;
  answers?: Record<string, string>;
}

/** The commands that are repeated under the same `id` until they are answered. */
export type Durable =
  | { type: 'message'; id: string; text?: string; files?: string[]; reply_to?: number }
  | { type: 'edit'; id: string; target: string; text: string }
  | { type: 'retract'; id: string; target: string }
  | { type: 'choice'; id: string; of: number; value: Chosen }
  | { type: 'rate'; id: string; score: number; comment?: string }
  | ({ type: 'start'; id: string } & Start)
  | { type: 'end'; id: string };

export interface Hello {
  type: 'hello';
  session?: string;
  identity?: string;
  conversation?: string;
  last_seq?: number;
  locale?: string;
  page?: Page;
}

export type ClientFrame =
  | Hello
  | Durable
  | { type: 'typing'; on: boolean }
  | { type: 'read'; seq: number }
  | ({ type: 'page' } & Page)
  | { type: 'history'; id: string; conversation: string; before: number; limit: number }
  | { type: 'ping' };

export interface Welcome {
  type: 'welcome';
  session: { token: string; customer: string; expires?: number };
  conversation?: { id: string; state: ConversationState; queue?: string; agent?: Person; seq?: number };
  entries: Entry[];
  more?: boolean;
  receipt?: { conversation?: string; delivered?: number; read?: number };
  limits?: { text_chars?: number; file_bytes?: number };
}

export interface ErrorFrame {
  type: 'error';
  code: string;
  message?: string;
  for?: string;
  retry_after_ms?: number;
}

export type ServerFrame =
  | Welcome
  | { type: 'ack'; id: string; conversation?: string; seq?: number; at: number }
  | ({ type: 'entry' } & Entry)
  | {
      type: 'state';
      conversation: string;
      state: ConversationState;
      position?: number;
      eta_s?: number;
      agent?: Person;
      reason?: string;
    }
  | { type: 'receipt'; conversation: string; delivered?: number; read?: number }
  | { type: 'typing'; on: boolean; name?: string }
  | { type: 'pong' }
  | { type: 'entries'; conversation?: string; entries: Entry[]; more?: boolean; for?: string }
  | ErrorFrame
  | { type: 'bye'; reason?: string; reconnect_after_ms?: number };

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
