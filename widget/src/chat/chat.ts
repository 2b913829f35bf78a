// The conversation: connects the state, the socket, the store and the parts in this folder.
//
// Everything that happens becomes an action for the reducer; everything that follows from a change
// is done in `afterChange`. Invariant: without consent there is neither a socket nor storage.

import { announce } from '../announce';
import { createAttention } from '../attention';
import { IDENTITY_CHARS } from '../fit';
import type { ConfigResult } from '../launcher/config';
import type { Emit } from '../launcher/events';
import type { Settings } from '../launcher/settings';
import { createSocket } from '../socket';
import { TOO_LARGE } from '../state/outbox';
import { type Action, reduce } from '../state/reduce';
import { initial, isOpen, latest, type State } from '../state/state';
import { createStore } from '../store';
import { createUploads } from '../upload';
import type { ErrorFrame, Hello, ServerFrame } from '../wire';
import { createCommands } from './commands';
import type { Core, Timer } from './core';
import { createDelivery } from './delivery';
import { createHistory } from './history';
import { followTabs, persist, restore } from './persistence';
import { createPresence } from './presence';

/** An agent's client may disconnect without ending "typing". */
const TYPING_EXPIRES_MS = 30_000;
/** A longer tag says nothing more about the language. */
const LOCALE_CHARS = 35;

export interface ChatPort {
  settings: Settings;
  /** The session has ended, and the chat with it. */
  ended?(): void;
  emit: Emit;
  render(state: State): void;
  /** Loads the tenant's configuration. */
  ask(): Promise<ConfigResult>;
}

export type Chat = ReturnType<typeof createChat>;

export function createChat({ settings, emit, render, ask, ended }: ChatPort) {
  const { gateway, tenant } = settings;
  const address = `${gateway}/v1/${encodeURIComponent(tenant)}`;
  const store = createStore(tenant, !settings.consentRequired);
  let state: State = { ...initial, consented: !settings.consentRequired, queue: settings.queue };
  let isShutDown = false;
  let identity: string | undefined;
  let identified = false;
  let typingTimer: Timer;

  const socket = createSocket({
    url: `${address.replace(/^http/, 'ws')}/ws`,
    hello,
    onFrame: receive,
    onTooLarge: () => delivery.tooLarge(),
    onLink(link) {
      delivery.reconnected();
      presence.reconnected();
      dispatch({ type: 'link', link });
      if (link === 'online') uploads.resume();
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
  const core: Core = { state: () => state, dispatch, socket, store, attention };
  const delivery = createDelivery(core, receive);
  const history = createHistory(core);
  const presence = createPresence(core);
  const commands = createCommands(core, { uploads, presence, ask, warn });
  const stopFollowing = followTabs(core);
  window.addEventListener('pageshow', onPageShow);

  function dispatch(action: Action): void {
    if (isShutDown) return;
    const before = state;
    state = reduce(state, action);
    afterChange(before);
  }

  /** Does everything that follows from a change of state. */
  function afterChange(before: State): void {
    const after = state;
    persist(store, before, after);
    // Store "closed" only where the page would otherwise open the panel.
    if (before.open !== after.open)
      store.saveTab({ open: after.open || (settings.open ? false : undefined) });
    render(after);
    announce(before, after, emit);
    attention.notice(before, after);
    if (state !== after) return; // A listener changed the state again, and that change is already done.
    const isWaiting = after.outbox.some(({ failed }) => !failed) || after.uploads.some(({ link }) => !link);
    socket.want(after.consented && (after.open || isOpen(after) || isWaiting));
    if (state !== after) return;
    delivery.sendNext();
    history.proceed();
    presence.reportRead();
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
      page: presence.page(),
    };
  }

  function receive(frame: ServerFrame): void {
    if (frame.type === 'welcome') {
      const { token, customer: id } = frame.session;
      const known = store.session();
      store.saveSession(known?.customer === id ? { ...known, token } : { token, customer: id });
    }
    dispatch({ type: 'frame', frame, identified });
    if (frame.type === 'error') reportError(frame);
    if (frame.type === 'typing') {
      clearTimeout(typingTimer);
      typingTimer = setTimeout(() => dispatch({ type: 'typingExpired' }), TYPING_EXPIRES_MS);
    }
  }

  function reportError(frame: ErrorFrame): void {
    emit('error', { code: frame.code, message: frame.message });
    const { reason } = frame;
    if (reason === 'identity_expired' || reason === 'identity_refused') {
      emit('identity', { expired: reason === 'identity_expired' });
    }
    delivery.retryLater(frame);
  }

  /** Reports a bad call to the page, as an event and on the console. */
  function warn(call: string, what: string, code = TOO_LARGE): void {
    const message = `Couplet.${call}: ${what}`;
    console.warn(message);
    emit('error', { code, message });
  }

  /** A page restored from the back/forward cache has missed what other tabs did meanwhile. */
  function onPageShow({ persisted }: PageTransitionEvent): void {
    if (persisted && state.customer && !store.session()) ended?.();
  }

  return {
    state: core.state,
    dispatch,
    ...commands,
    typing: presence.typing,
    setPage: presence.setPage,
    older: history.older,
    whole: history.whole,
    attach: uploads.add,
    retryFile: uploads.retry,
    removeFile: uploads.remove,

    /** Resumes what an earlier page left behind. */
    begin(): void {
      if (state.consented) restore(core);
    },

    consent(): void {
      if (state.consented) return;
      store.persist();
      dispatch({ type: 'consented' });
      restore(core);
    },

    identify(jwt: string): void {
      if (jwt.length > IDENTITY_CHARS) return warn('identify', `over ${IDENTITY_CHARS} characters`);
      identity = jwt;
      socket.restart();
    },

    /**
     * Ends the session on this device and removes all of its data. If another tab has already done
     * so, only disconnects.
     */
    shutdown(isElsewhere = false): void {
      isShutDown = true;
      socket.want(false);
      uploads.stop();
      attention.stop();
      if (isElsewhere) store.leave();
      else store.clear();
      window.removeEventListener('pageshow', onPageShow);
      stopFollowing();
      presence.stop();
      delivery.stop();
      clearTimeout(typingTimer);
    },
  };
}
