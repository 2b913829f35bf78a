// Where the script begins: settings, the chat, its view, and the page's handle on both.
//
// Before it is opened the widget costs one small request and one button; the socket, the session
// and the panel wait for a reason.

import { install, isInstalled, type Method } from './api';
import { type Chat, type Customer, createChat } from './chat';
import { fetchConfig } from './config';
import { createEvents } from './events';
import { readSettings, type Settings, theme } from './settings';
import { createView, type View } from './view/root';
import type { Start } from './wire';

/** How long the launcher waits for the owner's colour before it shows itself in ours. */
const COLOUR_WITHIN_MS = 1_500;

function run(settings: Settings): void {
  const { on, off, emit } = createEvents();
  let chat: Chat | undefined;
  let view: View | undefined;

  /** The chat as it is, or anew after a shutdown. */
  function alive(): Chat {
    if (chat) return chat;
    const born = createChat(settings, emit, (state) => view?.render(state));
    chat = born;
    const show = () =>
      whenBody(() => {
        if (chat === born) view ??= createView(settings, born);
      });
    const late = setTimeout(show, COLOUR_WITHIN_MS);
    born.begin();
    if (settings.open) born.panel(true, true);
    void fetchConfig(settings.gateway, settings.tenant).then((answer) => {
      clearTimeout(late);
      if (chat !== born) return;
      if (answer.is === 'refused') {
        console.warn(
          `Couplet: ${settings.gateway} refuses tenant "${settings.tenant}" here (${answer.status})`,
        );
        emit('error', { code: answer.status === 404 ? 'unknown_tenant' : 'forbidden' });
        return;
      }
      if (answer.is === 'ok') born.dispatch({ type: 'config', config: answer.config });
      show();
      emit('ready');
    });
    return born;
  }

  const methods: Record<string, Method> = {
    open: () => alive().panel(true),
    close: () => chat?.panel(false),
    toggle: () => alive().panel(!alive().state().open),
    start: (wanted?: Start) => {
      alive().start(wanted);
      alive().panel(true);
    },
    send: (text: string) => alive().send(String(text)),
    identify: (jwt: string) => alive().identify(jwt),
    setCustomer: (fields: Customer) => alive().setCustomer(fields),
    setPage: (url: string) => chat?.setPage(url),
    setLocale: (locale: string) => {
      settings.locale = locale;
      view?.setLocale(locale);
    },
    setTheme: (name: string) => {
      settings.theme = theme(name);
      view?.setTheme(settings.theme);
    },
    consent: () => alive().consent(),
    shutdown: () => {
      chat?.shutdown();
      view?.destroy();
      chat = view = undefined;
    },
    on,
    off,
  };
  alive();
  install(methods);
}

function whenBody(then: () => void): void {
  if (document.body) then();
  else document.addEventListener('DOMContentLoaded', then, { once: true });
}

const settings = readSettings(
  (document.currentScript as HTMLScriptElement | null) ??
    document.querySelector<HTMLScriptElement>('script[data-tenant][src*="couplet"]'),
);
if (!settings) console.warn('Couplet: the script tag needs src and data-tenant');
else if (!isInstalled()) run(settings);
