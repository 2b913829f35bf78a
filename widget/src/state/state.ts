// What the widget knows, and the questions about it that more than one file asks.

import type { Config } from '../launcher/config';
import type { Link } from '../socket';
import type { Upload } from '../upload';
import type { Agent, Command, ConversationState, Entry, FileLink } from '../wire';

/** An entry with the later changes to it applied. */
export interface LogEntry extends Entry {
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
  /** When somebody will be in. */
  openAt?: number;
  entries: readonly LogEntry[];
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
  loading?: string;
  /** There are no earlier entries. */
  complete: boolean;
  /** The customer's score; 0 if they declined to give one. */
  rated?: number;
}

export interface Outgoing {
  frame: Command;
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
export interface StoredSession {
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
  target?: Target;
  /** Answers to the form before the chat that are already known. */
  answers: Readonly<Record<string, string>>;
  /** The queue chosen by the page; the customer is not asked for it then. */
  queue?: string;
  muted: boolean;
  /** Permission to notify: may be requested, was granted or was refused. */
  notify: 'ask' | 'on' | 'off';
  typing?: { name?: string };
}

export interface Target {
  is: 'reply' | 'edit';
  conversation: string;
  seq: number;
}

export const initial: State = {
  link: 'idle',
  open: false,
  quiet: false,
  consented: true,
  config: {},
  conversations: [],
  outbox: [],
  uploads: [],
  answers: {},
  muted: false,
  notify: 'off',
};

/** The open conversation, or else the last one. */
export function latest(state: State): Conversation | undefined {
  return state.conversations[state.conversations.length - 1];
}

/** Without gaps, an entry's index follows from its number. */
export function entryAt(conversation: Conversation | undefined, seq = 0): LogEntry | undefined {
  const { entries = [] } = conversation ?? {};
  const entry = entries[seq - (entries[0]?.seq ?? 0)];
  return entry?.seq === seq ? entry : entries.find((one) => one.seq === seq);
}

export function isOpen(state: State): boolean {
  const conversation = latest(state);
  return !!conversation && conversation.state !== 'closed';
}

/** Whether nobody is in for a new conversation, and when somebody will be. */
export function away({ config, queue }: State): { isAway: boolean; next?: number } {
  const hours = config.queues?.find(({ key }) => key === queue) ?? config;
  const isAway = config.online === false || hours.open === false;
  return { isAway, next: hours.next && hours.next > Date.now() ? hours.next : undefined };
}

export function unread(state: State): number {
  let count = 0;
  for (const { entries, read } of state.conversations) {
    for (const line of entries) if (line.seq > read && isFromOtherSide(line)) count += 1;
  }
  return count;
}

/** Whether an entry is a message from the other side. */
export function isFromOtherSide(line: LogEntry): boolean {
  return line.kind === 'message' && (line.from.kind === 'agent' || line.from.kind === 'bot');
}

/** Whether a command of one of these types is still to be sent, or to be acknowledged. */
export function isPending(state: State, ...types: Command['type'][]): boolean {
  return state.outbox.some(({ frame, failed }) => !failed && types.includes(frame.type));
}

/** Whether a command is pending that will begin a conversation, or belongs to one. */
export function isStarting(state: State): boolean {
  return isPending(state, 'start', 'message');
}

/** Whether the conversation has ended, the customer took part, and has not rated it. */
export function isToBeRated(state: State): boolean {
  const conversation = latest(state);
  if (conversation?.state !== 'closed' || conversation.rated !== undefined) return false;
  const { entries } = conversation;
  const spoke = (side: string) => entries.some(({ kind, from }) => kind === 'message' && from.kind === side);
  return spoke('customer') && spoke('agent') && !isStarting(state);
}
