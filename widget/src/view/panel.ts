// The panel: header, log and composer.

import { h, setAttribute, setText } from '../dom';
import { away, isOpen, isStarting, latest, type State } from '../state/state';
import { ANSWER_CHARS } from '../wire';
import { type ComposerPort, createComposer } from './composer';
import { chevron } from './drawings';
import { createFields, type Fields, type Question } from './form';
import { fill, type Language } from './language';
import { createLog, type LogPort } from './log';
import { createOptions, type OptionsPort } from './options';
import { createRating, type RatingPort } from './rating';

export interface Panel {
  element: HTMLElement;
  render(state: State): void;
  focus(): void;
  draft(): Draft;
}

/** What is half written. */
export interface Draft {
  draft?: string;
  answers?: Record<string, string>;
}

export interface PanelPort
  extends Omit<LogPort, 'refocus'>,
    Omit<ComposerPort, 'send'>,
    Omit<RatingPort, 'refocus'>,
    OptionsPort {
  gateway: string;
  language: Language;
  send(text: string, answers?: Record<string, string>): boolean;
  end(): void;
  close(): void;
  consent(): void;
  saveDraft(draft: string, answers: Record<string, string>): void;
}

/** The name of the field in which the queue is chosen. */
const QUEUE = 'couplet-queue';

export function createPanel(port: PanelPort, draft: Draft): Panel {
  const { language } = port;
  const { words } = language;
  const title = h('h2', { id: 'title', class: 'title', dir: 'auto' });
  const status = h('p', { 'data-part': 'status', class: 'quiet', role: 'status' });
  const end = h('button', { type: 'button', 'data-part': 'end', class: 'link' }, words.end);
  const close = h('button', {
    type: 'button',
    'data-part': 'close',
    class: 'plain',
    'aria-label': words.close,
  });
  close.append(chevron());
  const options = createOptions(port);
  const header = h('header', {}, title, end, options.button, options.element, close, status);
  const agree = h('button', { type: 'button', class: 'agree', 'data-part': 'consent' }, words.agree);
  const consent = h('div', { class: 'consent' }, h('p', {}, words.consent), agree);
  const refocus = () => composer.focus();
  const log = createLog({ ...port, refocus });
  const composer = createComposer({ ...port, send }, draft.draft ?? '');
  const rating = createRating({ ...port, refocus });
  const drop = h('div', { class: 'drop', hidden: true, 'aria-hidden': 'true' }, words.drop);
  log.append(options.offer);
  log.append(rating.element);
  const element = h('section', {
    'data-part': 'panel',
    class: 'panel',
    role: 'dialog',
    'aria-labelledby': 'title',
    lang: language.tag,
    dir: words.dir ?? 'ltr',
  });
  element.append(header, log.element, consent, composer.element, drop);
  element.addEventListener('input', saveDraft);
  for (const name of ['pointerdown', 'focusin']) element.addEventListener(name, options.away);
  let fields: Fields | undefined;
  let asked = '';

  /** The answers are sent along with the first message. */
  function send(text: string): boolean {
    const answers = fields?.answers();
    if (fields && !answers) return false;
    const isSent = port.send(text, answers);
    saveDraft();
    return isSent;
  }

  /** Stores the draft, so that the next page has it. */
  function saveDraft(): void {
    port.saveDraft(composer.text(), fields?.given() ?? {});
  }

  function ask(state: State): void {
    const wanted = questions(state, language);
    const names = wanted.map(({ name }) => name).join();
    if (names === asked) return;
    asked = names;
    const known = { [QUEUE]: usual(state.config)?.name ?? '', ...draft.answers };
    fields = wanted.length > 0 ? createFields(wanted, words, ANSWER_CHARS, known) : undefined;
    log.ask(fields);
  }

  end.addEventListener('click', () => {
    port.end();
    composer.focus();
  });
  close.addEventListener('click', port.close);
  agree.addEventListener('click', () => {
    port.consent();
    composer.focus();
  });
  element.addEventListener('paste', ({ clipboardData }) => {
    if (clipboardData?.files.length) composer.take([...clipboardData.files]);
  });
  const hasFiles = ({ dataTransfer }: DragEvent) => dataTransfer?.types.includes('Files');
  const dragging = (event: DragEvent) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setAttribute(drop, 'hidden', false);
  };
  element.addEventListener('dragenter', dragging);
  element.addEventListener('dragover', dragging);
  drop.addEventListener('dragleave', () => setAttribute(drop, 'hidden', true));
  element.addEventListener('drop', (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    setAttribute(drop, 'hidden', true);
    composer.take([...(event.dataTransfer?.files ?? [])]);
  });

  function render(state: State): void {
    setText(title, state.config.name ?? words.chat);
    const line = statusLine(state, language);
    setText(status, line);
    setAttribute(status, 'hidden', !line);
    setAttribute(end, 'hidden', !isOpen(state));
    setAttribute(consent, 'hidden', state.consented);
    setAttribute(options.button, 'hidden', !state.consented);
    setAttribute(log.element, 'hidden', !state.consented);
    setAttribute(composer.element, 'hidden', !state.consented);
    ask(state);
    rating.render(state);
    options.render(state);
    composer.render(state);
    log.render(state);
  }

  return {
    element,
    render,
    focus: () => (consent.hidden ? composer.focus() : agree.focus()),
    draft: () => ({ draft: composer.text(), answers: fields?.given() }),
  };
}

const REACH = ['email', 'phone'];

/** The questions before a conversation: the tenant's form, and the queue if there is a choice. */
export function questions(state: State, { words }: Language): Question[] {
  const { answers: known } = state;
  const { form = [], queues = [] } = state.config;
  if (isOpen(state) || isStarting(state)) return [];
  const { isAway } = away(state);
  // When nobody is online, a message waits for the next agent if the customer can be reached.
  const isReachable = [...form.map(({ name }) => name), ...Object.keys(known)].some((name) =>
    REACH.includes(name),
  );
  const reach: Question[] = isAway && !isReachable ? [{ name: 'email' }] : [];
  const choice: Question[] =
    queues.length > 1 && !state.queue
      ? [
          {
            name: QUEUE,
            label: words.queue,
            required: true,
            options: queues.map(({ name }) => name),
          },
        ]
      : [];
  return [...form.filter(({ name }) => !known[name]), ...reach, ...choice];
}

/** The answers without the queue, and the key of the chosen queue. */
export function splitQueue(
  answers: Record<string, string>,
  config: State['config'],
): { queue?: string; answers: Record<string, string> } {
  const { [QUEUE]: chosen, ...rest } = answers;
  const queue = config.queues?.find(({ name }) => name === chosen);
  return { queue: queue === usual(config) ? undefined : queue?.key, answers: rest };
}

/** The queue of conversations that name none. */
const usual = ({ queues = [] }: State['config']) => queues.find(({ key }) => key === 'default');

/** One plain sentence about the state: trouble first, then the queue, then the agent. */
export function statusLine(state: State, { words, place, wait, back }: Language): string {
  if (state.link === 'refused') return words.refused;
  if (state.link === 'retrying') return words.noConnection;
  const conversation = latest(state);
  if (!conversation) return '';
  if (conversation.state === 'closed') return state.outbox.some(({ failed }) => !failed) ? '' : words.closed;
  if (state.link !== 'online') return words.connecting;
  if (conversation.state === 'waiting') {
    const { position, eta, openAt } = conversation;
    // Until the gateway sends a place in the queue, nothing is promised; the line keeps its room.
    if (!position && openAt && openAt > Date.now()) return fill(words.backAt, back(openAt));
    if (!position) return conversation.unattended ? words.nobodyYet : '\u00a0';
    if (eta === undefined) return fill(words.waitingAt, place(position));
    return fill(words.waitingFor, place(position), wait(eta));
  }
  const name = conversation.agent?.name;
  return name ? fill(words.talkingTo, name) : words.talking;
}
