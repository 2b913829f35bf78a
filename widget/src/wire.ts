// The customer's socket protocol, version `couplet.v1`, as the widget speaks it.
//
// Types, and the one place where text from the network becomes a value. Invariants: an unknown
// field is kept and ignored, an unknown frame type is dropped, nothing here throws.

import type * as client from './protocol/client';
import type * as server from './protocol/server';

export const SUBPROTOCOL = 'couplet.v1';

/** The gateway's limit unless it has sent another one. */
export const TEXT_CHARS = 8000;

export type ConversationState = server.Phase;
export type Agent = server.Agent;
export type From = server.From;
export type FileLink = Pick<server.File, 'id' | 'name'> & Partial<server.File>;

/** A choice that an agent or a bot offers. */
export type Button = server.Button;

/** The `value` of a button, or a text for each field of a completed form. */
export type ChoiceValue = client.ChoiceValue;

/** The most files in one message. */
export const FILES = 10;

/**
 * The longest answer to an agent's form, answer to the form before the chat, and rating comment.
 */
export const FIELD_CHARS = 500;
export const ANSWER_CHARS = 1000;
export const COMMENT_CHARS = 1000;

/** A question of a form, of the tenant or of an agent. */
export interface Field {
  name: string;
  /** If missing, the widget's own label for `name`, `email`, `phone`. */
  label?: string;
  required?: boolean;
}

/**
 * A durable entry of a conversation; `seq` is dense from 1. Entries of an unknown kind are not
 * shown.
 */
export type Entry = Omit<server.Entry, 'kind' | 'files' | 'form'> & {
  kind: string;
  files?: FileLink[];
  form?: Field[];
};

export type Page = client.Page;
export type Start = Omit<client.Start, 'id'>;
export type Hello = Frame<'hello'>;

/** The commands that are resent under the same `id` until they are acknowledged. */
export type Command = Frame<'message' | 'edit' | 'retract' | 'react' | 'choice' | 'rate' | 'start' | 'end'>;
export type ClientFrame = client.ClientFrame;
type Frame<T> = Extract<ClientFrame, { type: T }>;

type Received<T> = Extract<server.ServerFrame, { type: T }>;
/** As `parse` returns them: lists hold complete entries. */
export type Welcome = Omit<Received<'welcome'>, 'entries'> & { entries: Entry[] };
export type Entries = Omit<Received<'entries'>, 'entries'> & { entries: Entry[] };
export type ErrorFrame = Received<'error'>;
export type ServerFrame =
  | Exclude<server.ServerFrame, { type: 'welcome' | 'entry' | 'entries' }>
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

/** Reads one frame; returns undefined for a frame that this version does not know. */
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
    // An entry in a list may leave out the conversation that the frame already names.
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
 * returns a string.
 */
export function encode(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(encode).join()}]`;
  if (typeof value === 'string') return JSON.stringify(wellFormed(value));
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([name, field]) => `${encode(name)}:${encode(field)}`).join()}}`;
}

/** The length of a text as the gateway counts it: in Unicode scalar values. */
export function scalars(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

/** A lone surrogate is not valid in UTF-8 and would make the frame invalid. */
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
