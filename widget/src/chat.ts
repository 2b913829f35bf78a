// The conversation as the widget conducts it: state, socket and store brought together.
//
// Everything that happens becomes an action for the reducer; everything that follows from a
// change is done in `settle`. Invariants: a durable command is stored before it is sent and
// repeated under its own id until it is answered; one is under way at a time, so that a refusal
// that passes cannot reorder what the customer wrote; without consent there is neither socket nor
// storage.

import { fetchConfig } from './config';
import { announce, type Emit } from './events';
import { bare, currentPage, watchPage } from './page';
import type { Settings } from './settings';
import { createSocket } from './socket';
import { type Action, initial, isOpen, latest, PASSING, type Remembered, reduce, type State } from './state';
import { createStore } from './store';
import {
  type Durable,
  type ErrorFrame,
  type Hello,
  newId,
  type Page,
  type ServerFrame,
  type Start,
  wellFormed,
} from './wire';

const REPEAT_AFTER_MS = 15_000;
const HOLD_MS = 2_000;
const TYPING_EVERY_MS = 3_000;
const TYPING_ENDS_MS = 5_000;
/** An agent's client may vanish while it says "typing". */
const TYPING_FORGOTTEN_MS = 30_000;
const HISTORY_PAGE = 50;

export interface Customer {
  name?: string;
  email?: string;
  phone?: string;
  [attribute: string]: unknown;
}

export type Chat = ReturnType<typeof createChat>;

export function createChat(settings: Settings, emit: Emit, render: (state: State) => void) {
  const { gateway, tenant } = settings;
  const store = createStore(tenant, !settings.consentRequired);
  let state: State = { ...initial, consented: !settings.consentRequired };
  let over = false;
  let customer: Customer = {};
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

  const socket = createSocket({
    url: `${gateway.replace(/^http/, 'ws')}/v1/${encodeURIComponent(tenant)}/ws`,
    hello,
    onFrame: receive,
    onLink(link) {
      underWay = undefined;
      readSent = 0;
      dispatch({ type: 'link', link });
      if (link === 'refused') emit('error', { code: 'refused', message: 'The gateway refused this page.' });
    },
    isRefused: async () => (await fetchConfig(gateway, tenant)).is === 'refused',
  });

  function dispatch(action: Action): void {
    if (over) return;
    const before = state;
    state = reduce(state, action);
    settle(before);
  }

  /** All that follows from a change of state. */
  function settle(before: State): void {
    const after = state;
    remember(before);
    render(after);
    announce(before, after, emit);
    if (state !== after) return; // A listener changed more, and what follows has been done for that.
    socket.want(
      after.consented && (after.open || isOpen(after) || after.outbox.some(({ failed }) => !failed)),
    );
    pump();
    show();
  }

  function remember(before: State): void {
    if (before.outbox !== state.outbox) {
      const kept = new Set(state.outbox);
      const known = new Set(before.outbox);
      for (const out of before.outbox) if (!kept.has(out)) store.dropOut(out.frame.id);
      for (const out of state.outbox) if (!known.has(out)) store.putOut(out);
    }
    if (before.conversations === state.conversations) return;
    const session = store.session();
    const conversation = latest(state);
    if (!session || !conversation) return;
    const { id, last, known } = conversation;
    // Another tab may be ahead.
    const other: Partial<Remembered> = session.conversation === id ? session : {};
    const seq = Math.max(last, known, other.seq ?? 0);
    const read = Math.max(conversation.read, other.read ?? 0);
    const next: Remembered = { ...session, conversation: id, open: isOpen(state), seq, read };
    if (JSON.stringify(next) !== JSON.stringify(session)) store.saveSession(next);
  }

  function hello(): Hello {
    const conversation = latest(state);
    identified = identity !== undefined;
    return {
      type: 'hello',
      session: store.session()?.token,
      identity,
      ...(conversation && { conversation: conversation.id, last_seq: conversation.last }),
      locale: settings.locale ?? navigator.language,
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

  function failed(frame: ErrorFrame): void {
    emit('error', { code: frame.code, message: frame.message });
    if (frame.for !== underWay || !PASSING.has(frame.code)) return;
    // Keep the words, wait as told (a little longer, for not all should come back at once), say them again.
    repeatIn((frame.retry_after_ms ?? HOLD_MS) + Math.random() * 500);
  }

  /** Sends the first command that waits, unless one is under way. */
  function pump(): void {
    const waiting = state.outbox.find((out) => !out.failed);
    if (underWay !== undefined && underWay === waiting?.frame.id) return;
    clearTimeout(repeatTimer);
    underWay = undefined;
    if (!waiting || !socket.send(waiting.frame)) return;
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

  /** Says what has been read, once it is on the screen. */
  function show(): void {
    const conversation = latest(state);
    if (!conversation || !state.open || document.visibilityState === 'hidden') return;
    if (state.conversations.some(({ read, last }) => read < last)) return dispatch({ type: 'seen' });
    if (readIn !== conversation.id) readSent = 0;
    readIn = conversation.id;
    if (conversation.state === 'closed' || readSent >= conversation.last) return;
    if (socket.send({ type: 'read', seq: conversation.last })) readSent = conversation.last;
  }

  function queue(frame: Durable): void {
    dispatch({ type: 'queued', out: { frame, at: Date.now() } });
  }

  /** Words and wishes that must reach the desk before the first message does. */
  function start(asked: Start = {}): void {
    if (isOpen(state) || state.outbox.some(({ frame, failed }) => frame.type === 'start' && !failed)) return;
    // The protocol takes texts; a page may know its customers by numbers and flags, too.
    const known = Object.entries({ ...customer, ...asked.answers });
    const answers = Object.fromEntries(
      known.filter(([, value]) => value != null).map(([name, value]) => [name, String(value)]),
    );
    const frame: Durable = { type: 'start', id: newId(), queue: asked.queue ?? settings.queue };
    if (asked.subject) frame.subject = asked.subject;
    if (Object.keys(answers).length > 0) frame.answers = answers;
    queue(frame);
  }

  function send(text: string): void {
    if (!text.trim()) return;
    typing(false);
    // Without wishes the message itself starts the conversation.
    if (settings.queue || Object.keys(customer).length > 0) start();
    queue({ type: 'message', id: newId(), text: wellFormed(text) });
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
    dispatch({ type: 'restored', session: store.session(), outbox: store.outbox() });
  }

  /** Another tab has begun, or has shown, what this one has not. */
  function otherTab(session: Remembered): void {
    const conversation = latest(state);
    if (!state.consented) return;
    if (session.customer !== state.customer && !conversation) {
      restore();
      socket.restart();
    } else if (session.open && session.conversation !== conversation?.id && state.link === 'idle') {
      // A connected tab learns of it from its own socket; one that has none finds its reason here.
      restore();
    } else if (session.conversation === conversation?.id && (session.read ?? 0) > (conversation?.read ?? 0)) {
      dispatch({ type: 'seen', upTo: session.read });
    }
  }

  const stops = [
    watchPage(() => {
      page = undefined;
      move();
    }),
    store.watch(otherTab),
  ];
  document.addEventListener('visibilitychange', show);

  return {
    state: () => state,
    dispatch,
    send,
    start,
    typing,

    /** Takes up what an earlier page left behind. */
    begin(): void {
      if (state.consented) restore();
    },

    consent(): void {
      if (state.consented) return;
      store.persist();
      dispatch({ type: 'consented' });
      restore();
    },

    panel(open: boolean, quiet = false): void {
      if (open && state.link === 'refused') socket.restart();
      dispatch({ type: 'panel', open, quiet });
    },

    retry(id: string): void {
      dispatch({ type: 'retry', id });
    },

    end(): void {
      const ending = state.outbox.some(({ frame }) => frame.type === 'end');
      if (isOpen(state) && !ending) queue({ type: 'end', id: newId() });
    },

    older(): void {
      const conversation = latest(state);
      const before = conversation?.entries[0]?.seq;
      if (!conversation || !before || before === 1 || conversation.asking || conversation.complete) return;
      const id = newId();
      const asked = {
        type: 'history',
        id,
        conversation: conversation.id,
        before,
        limit: HISTORY_PAGE,
      } as const;
      if (socket.send(asked)) dispatch({ type: 'asked', id });
    },

    identify(jwt: string): void {
      identity = jwt;
      socket.restart();
    },

    setCustomer(fields: Customer): void {
      customer = { ...customer, ...fields };
    },

    setPage(url: string): void {
      page = { ...currentPage(), url: bare(url) };
      move();
    },

    /** Ends the session on this device and leaves nothing of it behind. */
    shutdown(): void {
      over = true;
      socket.want(false);
      store.clear();
      for (const stop of stops) stop();
      document.removeEventListener('visibilitychange', show);
      for (const timer of [repeatTimer, typingTimer, hushTimer]) clearTimeout(timer);
    },
  };
}

type Timer = ReturnType<typeof setTimeout> | undefined;
