// What the customer, and the page, can do: each becomes a command to send, or a change of state.

import type { Attention } from '../attention';
import { cut, fitAnswers, fitQueue, fitSubject, isFields } from '../fit';
import { refused, TOO_LARGE } from '../state/outbox';
import { isOpen, isStarting, type LogEntry, latest, type Outgoing, type Target } from '../state/state';
import type { Store } from '../store';
import type { Uploads } from '../upload';
import {
  type ChoiceValue,
  COMMENT_CHARS,
  CONTACT,
  type Command,
  FILES,
  type FileLink,
  newId,
  type Start,
  scalars,
  TEXT_CHARS,
  wellFormed,
} from '../wire';
import type { Core } from './core';
import type { Presence } from './presence';

/** What a page may pass when it starts a conversation. */
export interface Wanted {
  queue?: unknown;
  subject?: unknown;
  answers?: unknown;
}

export interface CommandsPort {
  /** The queue that the page has chosen for all its conversations. */
  usualQueue: string | undefined;
  store: Store;
  attention: Attention;
  uploads: Uploads;
  presence: Presence;
  /** Reports a call of the page that does not fit. */
  warn(call: string, what: string, code?: string): void;
}

export function createCommands(core: Core, port: CommandsPort) {
  const { dispatch } = core;
  const { usualQueue, store, attention, uploads, presence, warn } = port;

  function queue(frame: Command, shown: Pick<Outgoing, 'label'> = {}): void {
    dispatch({ type: 'queued', out: { frame, at: Date.now(), ...shown } });
  }

  /** Sends what the desk needs (queue, answers) before the first message. */
  function start(asked: Wanted = {}): void {
    const state = core.state();
    if (isOpen(state) || state.outbox.some(({ frame, failed }) => frame.type === 'start' && !failed)) return;
    const say = (what: string, code?: string) => warn('start', what, code);
    const frame: Command = { type: 'start', id: newId() };
    frame.queue = fitQueue(asked.queue ?? usualQueue, (what) => say(what, 'unknown_queue'));
    frame.subject = fitSubject(asked.subject, say);
    const given = isFields(asked.answers) ? asked.answers : {};
    if (asked.answers != null && given !== asked.answers)
      say('the answers are left out: no object of fields');
    // What this call passes comes first, in case not everything fits.
    const answers = fitAnswers({ ...given, ...state.answers, ...given }, say);
    if (Object.keys(answers).length > 0) frame.answers = answers;
    queue(frame);
  }

  /** Sends a message; if no conversation is open, sends what is known of the customer first. */
  function say(text: string, asked: Start = {}, files: FileLink[] = [], replyTo?: number): void {
    if (!text.trim() && files.length === 0) return;
    presence.typing(false);
    const state = core.state();
    // Without queue or answers the message itself starts the conversation.
    const answers = { ...state.answers, ...asked.answers };
    if (!isStarting(state) && (usualQueue || asked.queue || Object.keys(answers).length > 0)) start(asked);
    message(text, files.slice(0, FILES), replyTo);
    for (let at = FILES; at < files.length; at += FILES) message('', files.slice(at, at + FILES));
    // Now a reply is expected, so offer notifications, unless the customer has already decided.
    const isAnswered = store.preferences().notify !== undefined || core.state().notify !== 'off';
    if (!isAnswered && attention.mayAsk()) dispatch({ type: 'preferences', notify: 'ask' });
  }

  function message(text: string, files: FileLink[], replyTo?: number): void {
    const frame: Command = { type: 'message', id: newId(), reply_to: replyTo };
    if (text.trim()) frame.text = wellFormed(text);
    if (files.length > 0) frame.files = files.map(({ id }) => id);
    const out: Outgoing = { frame, at: Date.now(), ...(files.length > 0 && { files }) };
    const isLong = scalars(text) > TEXT_CHARS;
    const shown = isLong ? refused(out, TOO_LARGE) : out;
    if (shown) dispatch({ type: 'queued', out: shown });
    if (isLong) warn('send', `the text is longer than ${TEXT_CHARS} characters and is not sent`);
  }

  /**
   * Sends what is in the composer: a new message, a reply to one, or an edit of an own one. Returns
   * false if the message to edit no longer exists; the text then stays in the composer.
   */
  function send(text: string, asked: Start = {}): boolean {
    const state = core.state();
    const { target } = state;
    const isHere = target && target.conversation === latest(state)?.id && isOpen(state);
    const entry = isHere ? entryAt(target.seq) : undefined;
    if (target) clearTarget();
    if (target?.is !== 'edit') {
      say(text, asked, uploads.take(), entry?.seq);
      rememberContact(asked.answers);
      return true;
    }
    if (!entry?.id || entry.retracted) return false;
    presence.typing(false);
    if (text.trim() && text !== entry.text) {
      queue({ type: 'edit', id: newId(), target: entry.id, text: wellFormed(text) });
    }
    return true;
  }

  /** Remembers what does not change from one conversation to the next: who the customer is. */
  function rememberContact(answers: Record<string, string> = {}): void {
    const lasting = Object.entries(answers).filter(([name]) => CONTACT.includes(name));
    if (lasting.length > 0) dispatch({ type: 'answers', answers: Object.fromEntries(lasting) });
  }

  function entryAt(seq: number): LogEntry | undefined {
    return latest(core.state())?.entries.find((entry) => entry.seq === seq);
  }

  function clearTarget(): void {
    dispatch({ type: 'target' });
  }

  return {
    say,
    send,
    start,
    clearTarget,

    retry(id: string): void {
      dispatch({ type: 'retry', id });
    },

    discard(id: string): void {
      dispatch({ type: 'discarded', id });
    },

    end(): void {
      const state = core.state();
      const isEnding = state.outbox.some(({ frame }) => frame.type === 'end');
      if (isOpen(state) && !isEnding) queue({ type: 'end', id: newId() });
    },

    /** The next text in the composer is a reply to a message, or an edit of an own one. */
    setTarget(is: Target['is'], conversation: string, seq: number): void {
      dispatch({ type: 'target', target: { is, conversation, seq } });
    },

    retract(seq: number): void {
      const target = entryAt(seq)?.id;
      if (target) queue({ type: 'retract', id: newId(), target });
    },

    choose(of: number, value: ChoiceValue, label: string): void {
      queue({ type: 'choice', id: newId(), of, value }, { label });
    },

    rate(score: number, comment: string): void {
      queue({ type: 'rate', id: newId(), score, comment: comment ? cut(comment, COMMENT_CHARS) : undefined });
      dispatch({ type: 'rated', score });
    },

    skipRating(): void {
      dispatch({ type: 'rated', score: 0 });
    },

    setCustomer(fields: object): void {
      dispatch({ type: 'answers', answers: fitAnswers(fields, (what) => warn('setCustomer', what)) });
    },
  };
}
