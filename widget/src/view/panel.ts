// The panel: who one talks to, what was said, where one writes.

import type { Language } from '../i18n';
import { isOpen, latest, type State } from '../state';
import { createComposer } from './composer';
import { h, setAttribute, setText } from './dom';
import { chevron } from './drawings';
import { createLog } from './log';

export interface Panel {
  element: HTMLElement;
  render(state: State): void;
  focus(): void;
  draft(): string;
}

export interface PanelPort {
  gateway: string;
  language: Language;
  send(text: string): void;
  typing(on: boolean): void;
  retry(id: string): void;
  older(): void;
  end(): void;
  close(): void;
  consent(): void;
}

export function createPanel(port: PanelPort, draft: string): Panel {
  const { words, tag } = port.language;
  const title = h('h2', { id: 'title', class: 'title' });
  const status = h('p', { 'data-part': 'status', class: 'quiet', role: 'status' });
  const end = h('button', { type: 'button', 'data-part': 'end', class: 'link' }, words.endChat);
  const close = h('button', {
    type: 'button',
    'data-part': 'close',
    class: 'plain',
    'aria-label': words.closeChat,
  });
  close.append(chevron());
  const header = h('header', {}, title, end, close, status);
  const agree = h('button', { type: 'button', class: 'agree', 'data-part': 'consent' }, words.agree);
  const consent = h('div', { class: 'consent' }, h('p', {}, words.consent), agree);
  const log = createLog(port);
  const composer = createComposer(port, draft);
  const element = h('section', {
    'data-part': 'panel',
    class: 'panel',
    role: 'dialog',
    'aria-labelledby': 'title',
    lang: tag,
  });
  element.append(header, log.element, consent, composer.element);

  end.addEventListener('click', () => {
    port.end();
    composer.focus();
  });
  close.addEventListener('click', port.close);
  agree.addEventListener('click', () => {
    port.consent();
    composer.focus();
  });

  function render(state: State): void {
    setText(title, state.config.name ?? words.chat);
    const line = statusLine(state, port.language);
    setText(status, line);
    setAttribute(status, 'hidden', !line);
    setAttribute(end, 'hidden', !isOpen(state));
    setAttribute(consent, 'hidden', state.consented);
    setAttribute(log.element, 'hidden', !state.consented);
    setAttribute(composer.element, 'hidden', !state.consented);
    composer.setLimit(state.textChars ?? state.config.limits?.text_chars);
    log.render(state);
  }

  return {
    element,
    render,
    focus: () => (consent.hidden ? composer.focus() : agree.focus()),
    draft: composer.text,
  };
}

/** One plain sentence on where things stand; trouble first, then the line, then the agent. */
export function statusLine(state: State, { words }: Language): string {
  if (state.link === 'refused') return words.refused;
  if (state.link === 'retrying') return words.noConnection;
  const conversation = latest(state);
  if (!conversation) return '';
  if (conversation.state === 'closed') return state.outbox.some(({ failed }) => !failed) ? '' : words.closed;
  if (state.link !== 'online') return words.connecting;
  if (conversation.state === 'waiting') {
    const { position, eta } = conversation;
    if (!position) return words.waiting;
    return words.waitingAt(position, eta === undefined ? undefined : eta < 60 ? 0 : Math.ceil(eta / 60));
  }
  const name = conversation.agent?.name;
  return name ? words.talkingTo(name) : words.talking;
}
