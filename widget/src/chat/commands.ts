// What the customer, and the page, can do: each becomes a command to send, or a change of state.

import { cut, fitAnswers, fitQueue, fitSubject, isFields } from '../fit';
import type { ConfigResult } from '../launcher/config';
import { contactOf, refused, TOO_LARGE } from '../state/outbox';
import { entryAt, isOpen, isPending, isStarting, latest, type Outgoing, type Target } from '../state/state';
import type { Uploads } from '../upload';
import {
  type ChoiceValue,
  COMMENT_CHARS,
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

const CONFIG_FRESH_MS = 60_000;

export interface CommandsPort {
  uploads: Uploads;
  presence: Presence;
  /** Loads the tenant's configuration. */
  ask(): Promise<ConfigResult>;
  /** Reports a call of the page that does not fit. */
  warn(call: string, what: string, code?: string): void;
}

export function createCommands(core: Core, port: CommandsPort) {
  const { dispatch, socket, store, attention } = core;
  const { uploads, presence, ask, warn } = port;
  let configAt = Date.now();

  function queue(frame: Command, shown: Pick<Outgoing, 'label'> = {}): void {
    dispatch({ type: 'queued', out: { frame, at: Date.now(), ...shown } });
  }

  /** Sends what the desk needs (queue, answers) before the first message. */
  function start(asked: Wanted = {}): void {
    const state = core.state();
    if (isOpen(state) || isPending(state, 'start')) return;
    const say = (what: string, code?: string) => warn('start', what, code);
    const frame: Command = { type: 'start', id: newId() };
    frame.queue = fitQueue(asked.queue ?? state.queue, (what) => say(what, 'unknown_queue'));
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
    if (!isStarting(state) && (state.queue || asked.queue || Object.keys(answers).length > 0)) start(asked);
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
    const entry = isHere ? entryAt(latest(state), target.seq) : undefined;
    if (target) clearTarget();
    if (target?.is !== 'edit') {
      say(text, asked, uploads.take(), entry?.seq);
      if (asked.answers) dispatch({ type: 'answers', answers: contactOf(asked.answers) });
      return true;
    }
    if (!entry?.id || entry.retracted) return false;
    presence.typing(false);
    if (text.trim() && text !== entry.text) {
      queue({ type: 'edit', id: newId(), target: entry.id, text: wellFormed(text) });
    }
    return true;
  }

  /** Whether agents are online changes; the configuration the page loaded may be hours old. */
  async function refreshConfig(): Promise<void> {
    if (Date.now() - configAt < CONFIG_FRESH_MS) return;
    configAt = Date.now();
    const result = await ask();
    if (result.is === 'ok') dispatch({ type: 'config', config: result.config });
  }

  function clearTarget(): void {
    dispatch({ type: 'target' });
  }

  return {
    say,
    send,
    start,
    clearTarget,

    /**
     * `quiet`: opened by the page. A panel that the customer has closed in this tab stays closed.
     */
    panel(open: boolean, quiet = false): void {
      const state = core.state();
      if (quiet && (state.open || store.tab().open === false)) return;
      if (open && state.link === 'refused') socket.restart();
      if (open) void refreshConfig();
      dispatch({ type: 'panel', open, quiet });
    },

    retry(id: string): void {
      dispatch({ type: 'retry', id });
    },

    discard(id: string): void {
      dispatch({ type: 'discarded', id });
    },

    end(): void {
      const state = core.state();
      if (isOpen(state) && !isPending(state, 'end')) queue({ type: 'end', id: newId() });
    },

    /** The next text in the composer is a reply to a message, or an edit of an own one. */
    setTarget(is: Target['is'], conversation: string, seq: number): void {
      dispatch({ type: 'target', target: { is, conversation, seq } });
    },

    retract(seq: number): void {
      const target = entryAt(latest(core.state()), seq)?.id;
      if (target) queue({ type: 'retract', id: newId(), target });
    },

    /** Reacts to an agent's message; without an emoji, takes the reaction back. */
    react(target: number, emoji?: string): void {
      queue({ type: 'react', id: newId(), target, emoji });
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

    /** What was half written on the previous page. */
    draft: () => store.tab(),

    saveDraft(draft: string, answers: Record<string, string>): void {
      store.saveTab({ draft, answers });
    },

    mute(muted: boolean): void {
      store.savePreferences({ muted });
      dispatch({ type: 'preferences', muted });
    },

    async notify(): Promise<void> {
      const notify = await attention.ask();
      store.savePreferences({ notify });
      dispatch({ type: 'preferences', notify: notify ? 'on' : 'off' });
    },

    setCustomer(fields: object): void {
      dispatch({ type: 'answers', answers: fitAnswers(fields, (what) => warn('setCustomer', what)) });
    },
  };
}
