// Entry point of the second script: creates the chat and its view from what the launcher passes.

import { type Chat, createChat } from './chat/chat';
import { isFields } from './fit';
import type { Call, ChatChunk } from './seam';
import { createLanguage } from './view/language';
import { createView, type View } from './view/view';

/** Calls that identify the customer must be made before the first frame to the gateway. */
const FIRST = ['identify', 'setCustomer', 'setPage'];

export const start: ChatChunk['start'] = (seam, calls) => {
  const { settings, host, emit, ask, ended, config } = seam;
  let view: View | undefined;
  const chat = createChat({ settings, emit, ask, ended, render: (state) => view?.render(state) });
  view = createView(host, chat, settings.gateway, createLanguage(seam.language.tag, seam.words));
  const methods = methodsOf(chat);
  const call = (...[name, ...args]: Call) => methods[name]?.(...(args as never[]));
  /** Makes queued calls; a bad one must not stop the others. */
  const callEach = (made: Call[]) => {
    for (const one of made) {
      try {
        call(...one);
      } catch (error) {
        console.error(`Couplet.${one[0]}:`, error);
      }
    }
  };

  void config.then(
    (answer) => answer.is === 'ok' && chat.dispatch({ type: 'config', config: answer.config }),
  );
  const isFirst = ([name]: Call) => FIRST.includes(name);
  callEach(calls.filter(isFirst));
  chat.begin();
  callEach(calls.filter((made) => !isFirst(made)));
  view.render(chat.state());

  return {
    call,
    setLanguage: ({ tag }, words) => view.setLanguage(createLanguage(tag, words)),
    destroy(isElsewhere) {
      chat.shutdown(isElsewhere);
      view.remove();
    },
  };
};

/** What a page can call. Invalid calls throw; the launcher reports them with the method's name. */
function methodsOf(chat: Chat): Record<string, (...args: never[]) => void> {
  return {
    /** `quiet` is set by the launcher: opened by the page, without taking the focus. */
    open: (quiet?: unknown) => chat.panel(true, quiet === true),
    close: () => chat.panel(false),
    toggle: () => chat.panel(!chat.state().open),
    start(wanted?: unknown) {
      chat.start(wanted == null ? {} : fieldsOf(wanted));
      chat.panel(true);
    },
    send: (text: unknown) => chat.say(textOf(text)),
    identify: (jwt: unknown) => chat.identify(textOf(jwt)),
    setCustomer: (fields: unknown) => chat.setCustomer(fieldsOf(fields)),
    setPage: (url: unknown) => chat.setPage(textOf(url)),
    consent: () => chat.consent(),
  };
}

function textOf(value: unknown): string {
  const text = typeof value === 'number' || value instanceof URL ? String(value) : value;
  if (typeof text === 'string' && text.trim()) return text;
  throw new TypeError('it takes a text that is not empty');
}

function fieldsOf(value: unknown): Record<string, unknown> {
  if (isFields(value)) return value;
  throw new TypeError('it takes an object of fields');
}
