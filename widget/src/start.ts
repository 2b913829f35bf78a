// Where the second script begins: the chat and its view, from what the launcher hands over.

import { type Chat, type Customer, createChat } from './chat';
import type { Call, ChatChunk } from './seam';
import { createLanguage } from './view/language';
import { createView, type View } from './view/view';
import type { Start } from './wire';

/** What says who is here must be known before the first word to the gateway. */
const FIRST = ['identify', 'setCustomer', 'setPage'];

export const start: ChatChunk['start'] = (seam, calls) => {
  const { settings, host, emit, ask, config } = seam;
  let view: View | undefined;
  const chat = createChat({ settings, emit, ask, render: (state) => view?.render(state) });
  view = createView(host, chat, settings.gateway, createLanguage(seam.language.tag, seam.words));
  const methods = methodsOf(chat);
  const call = (...[name, ...args]: Call) => methods[name]?.(...(args as never[]));

  void config.then(
    (answer) => answer.is === 'ok' && chat.dispatch({ type: 'config', config: answer.config }),
  );
  const isFirst = ([name]: Call) => FIRST.includes(name);
  for (const made of calls.filter(isFirst)) call(...made);
  chat.begin();
  for (const made of calls.filter((made) => !isFirst(made))) call(...made);
  view.render(chat.state());

  return {
    call,
    setLanguage: ({ tag }, words) => view.setLanguage(createLanguage(tag, words)),
    destroy() {
      chat.shutdown();
      view.remove();
    },
  };
};

function methodsOf(chat: Chat): Record<string, (...args: never[]) => void> {
  return {
    /** `quiet` is the launcher's: opened by the page's own wish, without taking the focus. */
    open: (quiet?: boolean) => chat.panel(true, quiet === true),
    close: () => chat.panel(false),
    toggle: () => chat.panel(!chat.state().open),
    start(wanted?: Start) {
      chat.start(wanted);
      chat.panel(true);
    },
    send: (text: string) => chat.say(String(text)),
    identify: (jwt: string) => chat.identify(jwt),
    setCustomer: (fields: Customer) => chat.setCustomer(fields),
    setPage: (url: string) => chat.setPage(url),
    consent: () => chat.consent(),
  };
}
