// The script's entry point: settings, the launcher, and the page's API.
//
// Until there is intent (pointer or focus on the launcher, a call, an open conversation) the widget
// is this script, one small request and one button. Everything else is in other scripts
// (`load.ts`); calls made before they have loaded are queued.

import { setAttribute } from '../dom';
import type { Call, Chat, ChatChunk, WordsChunk } from '../seam';
import { install, isInstalled, type Method } from './api';
import { fetchConfig } from './config';
import { createEvents, type Emit } from './events';
import { createHost, type Host } from './host';
import { chooseLanguage, openLabel, tagOf } from './language';
import { forget, isLeftOpen, watchOthers } from './left';
import { load } from './load';
import { readSettings, type Settings, theme } from './settings';

/** How long the launcher waits for the owner's colour before it appears in the default one. */
const COLOUR_WITHIN_MS = 1_500;
/** Calls that load the chat; the others are queued until it loads. */
const LOADING = ['open', 'toggle', 'start', 'send'];

interface Widget {
  call(...call: Call): void;
  relabel(): void;
  setTheme(): void;
  /** Ends the session, unless another tab has already ended it. */
  shutdown(isElsewhere: boolean): void;
}

function createWidget(settings: Settings, emit: Emit, ended: () => void): Widget {
  const { gateway, tenant } = settings;
  let calls: Call[] = [];
  let stopWatching: (() => void) | undefined;
  let host: Host | undefined;
  let chat: Chat | undefined;
  let loading = false;
  let attempt = 0;
  let over = false;
  let colour: string | null | undefined;
  let locale: string | null | undefined;
  let shownTag = '';

  const ask = () => fetchConfig(gateway, tenant);
  // A page that is prerendered, and may never be shown, is not a visit.
  const shown = new Promise<unknown>((done) =>
    (document as { prerendering?: boolean }).prerendering
      ? document.addEventListener('prerenderingchange', done, { once: true })
      : done(0),
  );
  const config = shown.then(ask);
  const language = () =>
    chooseLanguage(settings.locale, ...(navigator.languages ?? [navigator.language]), locale);

  function show(): void {
    if (over || host) return;
    host = createHost(settings);
    const { button } = host;
    button.addEventListener('click', () => call('toggle'));
    for (const intent of ['pointerenter', 'pointerdown', 'focus']) button.addEventListener(intent, begin);
    render();
    if (loading) void fetchChat();
  }

  /** Labels the button; once the chat has loaded, the chat does. */
  function render(): void {
    host?.dress(settings.color ?? colour);
    if (!host || chat) return;
    setAttribute(host.button, 'aria-label', openLabel(language()));
    setAttribute(host.button, 'aria-expanded', 'false');
  }

  function begin(): void {
    if (loading || chat || over) return;
    loading = true;
    if (host) void fetchChat();
    else whenBody(show);
  }

  async function fetchChat(): Promise<void> {
    if (!host) return;
    const wanted = language();
    setAttribute(host.button, 'aria-busy', 'true');
    try {
      const [chunk, words] = await Promise.all([
        load<ChatChunk>(gateway, 'chat', attempt),
        load<WordsChunk>(gateway, wanted.key, attempt),
        shown,
      ]);
      if (over) return;
      const seam = { settings, host, emit, config, ask, ended, language: wanted, words: words.default };
      chat = chunk.start(seam, calls.splice(0));
      shownTag = wanted.tag;
      if (shownTag !== language().tag) void relabel();
    } catch (error) {
      // Queued calls wait for the next attempt: a click, a call, or the network coming back.
      attempt += 1;
      console.warn('Couplet: the chat did not load', error);
      emit('error', { code: 'unavailable', message: 'The chat did not load.' });
    } finally {
      loading = false;
      setAttribute(host.button, 'aria-busy', undefined);
    }
  }

  function call(...call: Call): void {
    if (chat) return chat.call(...call);
    // A click before the chat has loaded means "open", however often it is repeated.
    if (call[0] === 'toggle') call[0] = 'open';
    // Of these only the last call counts, and a page may make them on every navigation.
    const isLast = call[0] === 'setPage' || call[0] === 'identify';
    calls = isLast ? calls.filter(([name]) => name !== call[0]) : calls;
    calls.push(call);
    if (call[0] === 'consent') lookForStored();
    if (LOADING.includes(call[0])) begin();
  }

  /** Something left open by another page or tab is intent, once there is consent to look. */
  function lookForStored(): void {
    if (isLeftOpen(tenant)) begin();
    stopWatching ??= watchOthers(tenant, begin, ended);
  }

  async function relabel(): Promise<void> {
    render();
    const wanted = language();
    if (!chat || wanted.tag === shownTag) return;
    try {
      const words = await load<WordsChunk>(gateway, wanted.key, 0);
      if (wanted.tag !== language().tag) return;
      shownTag = wanted.tag;
      chat?.setLanguage(wanted, words.default);
    } catch {
      // The panel keeps its current language.
    }
  }

  const retry = () => {
    if (attempt && calls.length) begin();
  };
  window.addEventListener('online', retry);

  const late = setTimeout(() => whenBody(show), COLOUR_WITHIN_MS);
  void config.then((answer) => {
    clearTimeout(late);
    if (over) return;
    if (answer.is === 'refused') {
      console.warn(`Couplet: tenant "${tenant}" is refused (${answer.status})`);
      emit('error', { code: answer.status === 404 ? 'unknown_tenant' : 'forbidden' });
      return;
    }
    if (answer.is === 'ok') ({ color: colour, locale } = answer.config);
    whenBody(show);
    void relabel();
    emit('ready');
  });
  if (settings.open) call('open', true);
  if (!settings.consentRequired) lookForStored();

  return {
    call,
    relabel,
    setTheme: () => host?.setTheme(settings.theme),
    shutdown(isElsewhere) {
      over = true;
      clearTimeout(late);
      window.removeEventListener('online', retry);
      stopWatching?.();
      chat?.destroy(isElsewhere);
      host?.remove();
      // If another tab has ended the session, there may be a new one already.
      if (!isElsewhere) forget(tenant);
    },
  };
}

function run(settings: Settings): void {
  const { on, off, emit } = createEvents();
  let widget: Widget | undefined;
  const end = (isElsewhere: boolean) => {
    settings.open = false;
    widget?.shutdown(isElsewhere);
    widget = undefined;
  };
  /** The current widget, or a new one after a shutdown. */
  const running = () => {
    widget ??= createWidget(settings, emit, () => end(true));
    return widget;
  };
  running();
  const methods: Record<string, Method> = {
    close: () => widget?.call('close'),
    setLocale(locale: string) {
      if (!tagOf(locale)) throw locale;
      settings.locale = locale;
      widget?.relabel();
    },
    setTheme(name: string) {
      if (theme(name) !== name) throw name;
      settings.theme = theme(name);
      widget?.setTheme();
    },
    shutdown: () => end(false),
    on,
    off,
  };
  for (const name of [...LOADING, 'identify', 'setCustomer', 'setPage', 'consent']) {
    methods[name] = (...args: unknown[]) => running().call(name, ...args);
  }
  install(methods);
}

function whenBody(then: () => void): void {
  if (document.body) then();
  else document.addEventListener('DOMContentLoaded', then, { once: true });
}

// Markup in the page may shadow `document.currentScript` with an element of its own.
const current = document.currentScript;
const settings = readSettings(
  current instanceof HTMLScriptElement
    ? current
    : document.querySelector<HTMLScriptElement>('script[data-tenant][src*="couplet"]'),
);
if (!settings) console.warn('Couplet: no data-tenant');
else if (!isInstalled()) run(settings);
