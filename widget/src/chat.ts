// The widget's conversation: connects state, socket and store.
//
// Everything that happens becomes an action for the reducer; everything that follows from a change
// is done in `settle`. Invariants: a durable command is stored before it is sent and resent under
// its own id until it is acknowledged; only one is in flight at a time, so that a temporary refusal
// cannot reorder what the customer wrote; without consent there is neither a socket nor storage.

import { announce } from './announce';
import { createAttention } from './attention';
import { cut, fitAnswers, fitQueue, fitSubject, IDENTITY_CHARS, isFields, isTooLarge } from './fit';
import type { Answer } from './launcher/config';
import type { Emit } from './launcher/events';
import type { Settings } from './launcher/settings';
import { bare, currentPage, watchPage } from './page';
import { createSocket } from './socket';
import {
  type Action,
  type Aim,
  initial,
  isOpen,
  isStarting,
  type Line,
  latest,
  type Outgoing,
  PASSING,
  type Remembered,
  reduce,
  refused,
  type State,
  TOO_LARGE,
} from './state';
import { createStore } from './store';
import { createUploads } from './upload';
import {
  type Chosen,
  COMMENT_CHARS,
  type Durable,
  type ErrorFrame,
  encode,
  FILES,
  type FileLink,
  type Hello,
  newId,
  type Page,
  type ServerFrame,
  type Start,
  scalars,
  TEXT_CHARS,
  wellFormed,
} from './wire';

const REPEAT_AFTER_MS = 5_000;
const HOLD_MS = 2_000;
const TYPING_EVERY_MS = 3_000;
const TYPING_ENDS_MS = 5_000;
/** An agent's client may disconnect without ending "typing". */
const TYPING_FORGOTTEN_MS = 30_000;
const HISTORY_PAGE = 50;
const CONFIG_FRESH_MS = 60_000;
const LASTING = ['name', 'email', 'phone'];
/** A longer tag says nothing more about the language. */
const LOCALE_CHARS = 35;

/** What a page may pass when it starts a conversation. */
export interface Wanted {
  queue?: unknown;
  subject?: unknown;
  answers?: unknown;
}

export interface ChatPort {
  settings: Settings;
  /** The session has ended, and the chat with it. */
  ended?(): void;
  emit: Emit;
  render(state: State): void;
  ask(): Promise<Answer>;
}

export type Chat = ReturnType<typeof createChat>;

export function createChat({ settings, emit, render, ask, ended }: ChatPort) {
  const { gateway, tenant } = settings;
  const address = `${gateway}/v1/${encodeURIComponent(tenant)}`;
  const store = createStore(tenant, !settings.consentRequired);
  let state: State = { ...initial, consented: !settings.consentRequired, queue: settings.queue };
  let over = false;
  let identity: string | undefined;
  let identified = false;
  let page: Page | undefined;
  let underWay: string | undefined;
  let readSent = 0;
  let readIn: string | undefined;
  let typingSentAt = 0;
  let repeatTimer: Timer;
  let typingTimer: Timer;
  let hushTimer: Timer;
  let configAt = Date.now();
  /** Called once the whole conversation has been loaded. */
  let whole: (() => void) | undefined;

  const socket = createSocket({
    url: `${address.replace(/^http/, 'ws')}/ws`,
    hello,
    onFrame: receive,
    onTooLarge() {
      if (underWay) tooLarge(underWay);
    },
    onLink(link) {
      underWay = undefined;
      readSent = 0;
      dispatch({ type: 'link', link });
      if (link === 'online') uploads.go();
      if (link === 'refused') emit('error', { code: 'refused', message: 'The gateway refused this page.' });
    },
    isRefused: async () => (await ask()).is === 'refused',
  });

  const uploads = createUploads({
    url: `${address}/files`,
    token: () => (state.link === 'online' ? store.session()?.token : undefined),
    limit: () => state.fileBytes ?? state.config.limits?.file_bytes,
    changed: (list) => dispatch({ type: 'uploads', uploads: list }),
    refused: () => socket.restart(),
  });

  const attention = createAttention(tenant, store);

  function dispatch(action: Action): void {
    if (over) return;
    const before = state;
    state = reduce(state, action);
    settle(before);
  }

  /** Does everything that follows from a change of state. */
  function settle(before: State): void {
    const after = state;
    remember(before);
    // Store "closed" only where the page would otherwise open the panel.
    if (before.open !== after.open)
      store.saveTab({ open: after.open || (settings.open ? false : undefined) });
    render(after);
    announce(before, after, emit);
    attention.notice(before, after);
    if (state !== after) return; // A listener changed the state again, and that change is already settled.
    const isWaiting = after.outbox.some(({ failed }) => !failed) || after.uploads.some(({ link }) => !link);
    socket.want(after.consented && (after.open || isOpen(after) || isWaiting));
    if (state !== after) return;
    pump();
    if (whole && !older()) {
      const done = whole;
      if (!latest(state)?.asking) {
        whole = undefined;
        done();
      }
    }
    show();
  }

  function remember(before: State): void {
    if (before.outbox !== state.outbox) {
      const kept = new Set(state.outbox);
      const known = new Set(before.outbox);
      for (const out of before.outbox) if (!kept.has(out)) store.dropOut(out.frame.id);
      for (const out of state.outbox) if (!known.has(out) && !out.excess) store.putOut(out);
    }
    if (before.conversations === state.conversations) return;
    const session = store.session();
    const conversation = latest(state);
    if (!session || !conversation) return;
    const { id, last, known } = conversation;
    // Another tab may be further.
    const other: Partial<Remembered> = session.conversation === id ? session : {};
    const seq = Math.max(last, known, other.seq ?? 0);
    const read = Math.max(conversation.read, other.read ?? 0);
    const { rated } = conversation;
    const next: Remembered = { ...session, conversation: id, open: isOpen(state), seq, read, rated };
    if (encode(next) !== encode(session)) store.saveSession(next);
  }

  function hello(): Hello {
    const conversation = latest(state);
    identified = identity !== undefined;
    return {
      type: 'hello',
      session: store.session()?.token,
      identity,
      ...(conversation && { conversation: conversation.id, last_seq: conversation.last }),
      locale: (settings.locale ?? navigator.language).slice(0, LOCALE_CHARS),
      page: page ?? currentPage(),
    };
  }

  function receive(frame: ServerFrame): void {
    if (frame.type === 'welcome') {
      const { token, customer: id } = frame.session;
      const known = store.session();
      store.saveSession(known?.customer === id ? { ...known, token } : { token, customer: id });
    }
    dispatch({ type: 'frame', frame, identified });
    if (frame.type === 'error') failed(frame);
    if (frame.type === 'typing') {
      clearTimeout(hushTimer);
      hushTimer = setTimeout(() => dispatch({ type: 'hushed' }), TYPING_FORGOTTEN_MS);
    }
  }

  /** Reports a bad call to the page, as an event and on the console. */
  function complain(call: string, what: string, code = TOO_LARGE): void {
    const message = `Couplet.${call}: ${what}`;
    console.warn(message);
    emit('error', { code, message });
  }

  /**
   * A command that is too large for any gateway is refused here, so that it does not block later
   * ones.
   */
  function tooLarge(id: string): void {
    const message = 'The command is larger than a frame may be.';
    receive({ type: 'error', for: id, code: TOO_LARGE, message });
  }

  function failed(frame: ErrorFrame): void {
    emit('error', { code: frame.code, message: frame.message });
    const { reason } = frame;
    if (reason === 'identity_expired' || reason === 'identity_refused') {
      emit('identity', { expired: reason === 'identity_expired' });
    }
    if (frame.for !== underWay || !PASSING.has(frame.code)) return;
    // Keep the message, wait as long as the gateway asks plus some jitter, then resend it.
    repeatIn((frame.retry_after_ms ?? HOLD_MS) + Math.random() * 500);
  }

  /** Sends the first pending command, unless one is in flight. */
  function pump(): void {
    const waiting = state.outbox.find((out) => !out.failed);
    if (underWay !== undefined && underWay === waiting?.frame.id) return;
    clearTimeout(repeatTimer);
    underWay = undefined;
    if (!waiting) return;
    if (isTooLarge(encode(waiting.frame))) return tooLarge(waiting.frame.id);
    if (!socket.send(waiting.frame)) return;
    underWay = waiting.frame.id;
    repeatIn(REPEAT_AFTER_MS);
  }

  function repeatIn(ms: number): void {
    clearTimeout(repeatTimer);
    repeatTimer = setTimeout(() => {
      underWay = undefined;
      pump();
    }, ms);
  }

  /** Reports what has been read, once it is on the screen. */
  function show(): void {
    const conversation = latest(state);
    if (!conversation || !state.open || document.visibilityState === 'hidden') return;
    if (state.conversations.some(({ read, last }) => read < last)) return dispatch({ type: 'seen' });
    if (readIn !== conversation.id) readSent = 0;
    readIn = conversation.id;
    if (conversation.state === 'closed' || readSent >= conversation.last) return;
    if (socket.send({ type: 'read', seq: conversation.last })) readSent = conversation.last;
  }

  function queue(frame: Durable, shown: Pick<Outgoing, 'label'> = {}): void {
    dispatch({ type: 'queued', out: { frame, at: Date.now(), ...shown } });
  }

  /** Sends what the desk needs (queue, answers) before the first message. */
  function start(asked: Wanted = {}): void {
    if (isOpen(state) || state.outbox.some(({ frame, failed }) => frame.type === 'start' && !failed)) return;
    const say = (what: string, code?: string) => complain('start', what, code);
    const frame: Durable = { type: 'start', id: newId() };
    frame.queue = fitQueue(asked.queue ?? settings.queue, (what) => say(what, 'unknown_queue'));
    frame.subject = fitSubject(asked.subject, say);
    const given = isFields(asked.answers) ? asked.answers : {};
    if (asked.answers != null && given !== asked.answers)
      say('the answers are left out: no object of fields');
    // What this call passes comes first, in case not everything fits.
    const answers = fitAnswers({ ...given, ...state.known, ...given }, say);
    if (Object.keys(answers).length > 0) frame.answers = answers;
    queue(frame);
  }

  /** Sends a message; if no conversation is open, sends what is known of the customer first. */
  function say(text: string, asked: Start = {}, files: FileLink[] = [], replyTo?: number): void {
    if (!text.trim() && files.length === 0) return;
    typing(false);
    // Without queue or answers the message itself starts the conversation.
    const answers = { ...state.known, ...asked.answers };
    if (!isStarting(state) && (settings.queue || asked.queue || Object.keys(answers).length > 0))
      start(asked);
    message(text, files.slice(0, FILES), replyTo);
    for (let at = FILES; at < files.length; at += FILES) message('', files.slice(at, at + FILES));
    // Now a reply is expected, so offer notifications, unless the customer has already decided.
    const isAnswered = store.preferences().notify !== undefined || state.notify !== 'off';
    if (!isAnswered && attention.mayAsk()) dispatch({ type: 'chose', notify: 'ask' });
  }

  function message(text: string, files: FileLink[], replyTo?: number): void {
    const frame: Durable = { type: 'message', id: newId(), reply_to: replyTo };
    if (text.trim()) frame.text = wellFormed(text);
    if (files.length > 0) frame.files = files.map(({ id }) => id);
    const out: Outgoing = { frame, at: Date.now(), ...(files.length > 0 && { files }) };
    const isLong = scalars(text) > TEXT_CHARS;
    const shown = isLong ? refused(out, TOO_LARGE) : out;
    if (shown) dispatch({ type: 'queued', out: shown });
    if (isLong) complain('send', `the text is longer than ${TEXT_CHARS} characters and is not sent`);
  }

  /**
   * Sends what is in the composer: a new message, a reply to one, or an edit of an own one. Returns
   * false if the message to edit no longer exists; the text then stays in the composer.
   */
  function send(text: string, asked: Start = {}): boolean {
    const { aim } = state;
    const aimed = aim && aim.conversation === latest(state)?.id && isOpen(state) ? line(aim.seq) : undefined;
    if (aim) dispatch({ type: 'aimed' });
    if (aim?.is !== 'edit') {
      say(text, asked, uploads.take(), aimed?.seq);
      remind(asked.answers);
      return true;
    }
    const target = aimed?.id;
    if (!target || aimed.retracted) return false;
    typing(false);
    if (text.trim() && text !== aimed.text) {
      queue({ type: 'edit', id: newId(), target, text: wellFormed(text) });
    }
    return true;
  }

  /** Remembers what does not change from one conversation to the next: who the customer is. */
  function remind(answers: Record<string, string> = {}): void {
    const lasting = Object.entries(answers).filter(([name]) => LASTING.includes(name));
    if (lasting.length > 0) dispatch({ type: 'known', answers: Object.fromEntries(lasting) });
  }

  function line(seq: number): Line | undefined {
    return latest(state)?.entries.find((entry) => entry.seq === seq);
  }

  /** Requests earlier entries; returns false if there is nothing to request now. */
  function older(): boolean {
    const conversation = latest(state);
    const before = conversation?.entries[0]?.seq;
    if (!conversation || !before || before === 1 || conversation.asking || conversation.complete)
      return false;
    const id = newId();
    const asked = {
      type: 'history',
      id,
      conversation: conversation.id,
      before,
      limit: HISTORY_PAGE,
    } as const;
    if (!socket.send(asked)) return false;
    dispatch({ type: 'asked', id });
    return true;
  }

  function typing(on: boolean): void {
    clearTimeout(typingTimer);
    if (on) typingTimer = setTimeout(() => typing(false), TYPING_ENDS_MS);
    const now = Date.now();
    const isDue = on ? now - typingSentAt > TYPING_EVERY_MS : typingSentAt > 0;
    if (isDue && isOpen(state) && socket.send({ type: 'typing', on })) typingSentAt = on ? now : 0;
  }

  function move(): void {
    socket.send({ type: 'page', ...(page ?? currentPage()) });
  }

  function restore(): void {
    const { muted, notify } = store.preferences();
    dispatch({ type: 'chose', muted, notify: notify && attention.isGranted() ? 'on' : undefined });
    const outbox = store.outbox();
    dispatch({ type: 'restored', session: store.session(), outbox });
    // The customer did not open it, so the focus stays with the page.
    if (store.tab().open && !state.open) dispatch({ type: 'panel', open: true, quiet: true });
    const kept = new Set(state.outbox.map(({ frame }) => frame.id));
    for (const { frame } of outbox) if (!kept.has(frame.id)) store.dropOut(frame.id);
  }

  /** Another tab has started a conversation, or shown messages, that this tab has not. */
  function otherTab(session: Remembered): void {
    const conversation = latest(state);
    if (!state.consented) return;
    if (session.customer !== state.customer && !conversation) {
      restore();
      socket.restart();
    } else if (session.open && session.conversation !== conversation?.id && state.link === 'idle') {
      // A connected tab learns of it from its own socket; an unconnected one has a reason to
      // connect.
      restore();
    } else if (session.conversation === conversation?.id && (session.read ?? 0) > (conversation?.read ?? 0)) {
      dispatch({ type: 'seen', upTo: session.read });
    }
  }

  /** A page restored from the back/forward cache has missed what other tabs did meanwhile. */
  function back({ persisted }: PageTransitionEvent): void {
    if (persisted && state.customer && !store.session()) ended?.();
  }

  window.addEventListener('pageshow', back);
  const stops = [
    () => window.removeEventListener('pageshow', back),
    watchPage(() => {
      page = undefined;
      move();
    }),
    store.watch(otherTab),
  ];
  document.addEventListener('visibilitychange', show);

  /** Whether agents are online changes; the configuration the page loaded may be hours old. */
  async function refresh(): Promise<void> {
    if (Date.now() - configAt < CONFIG_FRESH_MS) return;
    configAt = Date.now();
    const answer = await ask();
    if (answer.is === 'ok') dispatch({ type: 'config', config: answer.config });
  }

  return {
    state: () => state,
    dispatch,
    say,
    send,
    start,
    typing,
    older,

    /** Resumes what an earlier page left behind. */
    begin(): void {
      if (state.consented) restore();
    },

    consent(): void {
      if (state.consented) return;
      store.persist();
      dispatch({ type: 'consented' });
      restore();
    },

    /**
     * `quiet`: opened by the page. A panel that the customer has closed in this tab stays closed.
     */
    panel(open: boolean, quiet = false): void {
      if (quiet && (state.open || store.tab().open === false)) return;
      if (open && state.link === 'refused') socket.restart();
      if (open) void refresh();
      dispatch({ type: 'panel', open, quiet });
    },

    /** What was half written on the previous page. */
    draft: () => store.tab(),

    drafted(draft: string, answers: Record<string, string>): void {
      store.saveTab({ draft, answers });
    },

    retry(id: string): void {
      dispatch({ type: 'retry', id });
    },

    discard(id: string): void {
      dispatch({ type: 'discarded', id });
    },

    end(): void {
      const ending = state.outbox.some(({ frame }) => frame.type === 'end');
      if (isOpen(state) && !ending) queue({ type: 'end', id: newId() });
    },

    aim(is: Aim['is'], conversation: string, seq: number): void {
      dispatch({ type: 'aimed', aim: { is, conversation, seq } });
    },

    aimless(): void {
      dispatch({ type: 'aimed' });
    },

    retract(seq: number): void {
      const target = line(seq)?.id;
      if (target) queue({ type: 'retract', id: newId(), target });
    },

    choose(of: number, value: Chosen, label: string): void {
      queue({ type: 'choice', id: newId(), of, value }, { label });
    },

    rate(score: number, comment: string): void {
      queue({ type: 'rate', id: newId(), score, comment: comment ? cut(comment, COMMENT_CHARS) : undefined });
      dispatch({ type: 'rated', score });
    },

    skipRating(): void {
      dispatch({ type: 'rated', score: 0 });
    },

    attach: uploads.add,
    retryFile: uploads.retry,
    removeFile: uploads.remove,

    mute(muted: boolean): void {
      store.savePreferences({ muted });
      dispatch({ type: 'chose', muted });
    },

    async notify(): Promise<void> {
      const notify = await attention.ask();
      store.savePreferences({ notify });
      dispatch({ type: 'chose', notify: notify ? 'on' : 'off' });
    },

    /** Calls back once the whole conversation is loaded, or as much of it as is available now. */
    whole(then: () => void): void {
      whole = then;
      settle(state);
    },

    identify(jwt: string): void {
      if (jwt.length > IDENTITY_CHARS) return complain('identify', `over ${IDENTITY_CHARS} characters`);
      identity = jwt;
      socket.restart();
    },

    setCustomer(fields: object): void {
      dispatch({ type: 'known', answers: fitAnswers(fields, (what) => complain('setCustomer', what)) });
    },

    setPage(url: string): void {
      page = { ...currentPage(), url: bare(url) };
      move();
    },

    /**
     * Ends the session on this device and removes all of its data. If another tab has already done
     * so, only disconnects.
     */
    shutdown(isElsewhere = false): void {
      over = true;
      socket.want(false);
      uploads.stop();
      attention.stop();
      if (isElsewhere) store.leave();
      else store.clear();
      for (const stop of stops) stop();
      document.removeEventListener('visibilitychange', show);
      for (const timer of [repeatTimer, typingTimer, hushTimer]) clearTimeout(timer);
    },
  };
}

type Timer = ReturnType<typeof setTimeout> | undefined;
