// One message in the log: author, quote, text, files, choices, delivery state and actions. The
// element is created once, then only updated where something changed.

import { h, setAttribute, setText } from '../dom';
import { type ChoiceValue, FIELD_CHARS, type FileLink } from '../wire';
import { cross, dots, ticks } from './drawings';
import { createFields } from './form';
import { fill, type Language } from './language';
import { isPicture, picture } from './picture';
import { authorOf, type MessageRow, type Row } from './rows';
import { link, linked, ofGateway, webAddress } from './text';

export interface RowElement {
  element: HTMLElement;
  row?: Row;
  update(row: Row): void;
}

export interface MessagePort {
  gateway: string;
  language: Language;
  retry(id: string): void;
  discard(id: string): void;
  choose(of: number, value: ChoiceValue, label: string): void;
  setTarget(is: 'reply' | 'edit', conversation: string, seq: number): void;
  retract(seq: number): void;
  react(target: number, emoji?: string): void;
  /** Something became larger after it was inserted. */
  grew(): void;
  /** Shows the message with this key. */
  reveal(key: string): void;
  /** The element that had the focus is gone. */
  refocus(): void;
}

/** What a customer can react with. */
const REACTIONS = ['👍', '❤️', '😊', '👎'];

export function createMessage(port: MessagePort): RowElement {
  const { language, gateway } = port;
  const { words } = language;
  const face = h('span', { class: 'face', 'aria-hidden': 'true' });
  const name = h('span');
  const who = h('div', {}, face, name);
  const quote = h('button', { type: 'button', class: 'quote', 'data-part': 'quote', hidden: true });
  const text = h('div', { class: 'text', 'data-part': 'text', dir: 'auto' });
  const files = h('div', { class: 'files' });
  const bubble = h('div', { class: 'bubble' }, quote, text, files);
  const reactions = h('div', { class: 'reactions', 'data-part': 'reactions', hidden: true });
  const offer = h('div', { class: 'offer', 'data-part': 'offer', hidden: true });
  const clock = h('span');
  const word = h('span', { class: 'unseen' });
  // Screen readers do not announce ticks.
  const meta = h('div', { class: 'meta', 'aria-live': 'off' }, word, clock, ticks());
  const again = button('link', 'retry', words.tryAgain);
  const discard = button('link', 'discard', words.discard);
  const reason = h('span');
  const failure = h('div', { class: 'failure' }, reason, again, discard);
  const more = button('plain more', 'more', '');
  setAttribute(more, 'aria-label', words.more);
  more.append(dots());
  const tools = h('div', { class: 'tools', hidden: true, 'aria-live': 'off' });
  const line = h('div', { class: 'line' }, bubble, more);
  const element = h('li', { 'data-part': 'message' }, who, line, reactions, tools, offer, meta, failure);
  let shown: MessageRow | undefined;

  again.addEventListener('click', () => shown?.id && port.retry(shown.id));
  discard.addEventListener('click', () => {
    if (!shown?.id) return;
    port.discard(shown.id);
    port.refocus();
  });
  quote.addEventListener('click', () => shown?.quote && port.reveal(shown.quote.key));
  more.addEventListener('click', () => turn(tools.hidden));
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || tools.hidden) return;
    event.stopPropagation();
    event.preventDefault();
    turn(false);
    more.focus();
  });

  function turn(open: boolean): void {
    setAttribute(more, 'aria-expanded', String(open));
    setAttribute(tools, 'hidden', !open);
    tools.replaceChildren();
    if (!open || !shown) return;
    const { conversation = '', seq = 0, mayChange, text: said } = shown;
    const choose = (is: 'reply' | 'edit') => () => {
      turn(false);
      port.setTarget(is, conversation, seq);
    };
    tool('reply', words.reply, choose('reply'));
    if (mayChange && said) tool('edit', words.edit, choose('edit'));
    if (mayChange) tool('remove', words.remove, sure);
    if (shown.mayReact) offerReactions(seq, shown.mine);
    (tools.firstElementChild as HTMLElement | null)?.focus();
  }

  function offerReactions(seq: number, mine: string): void {
    for (const emoji of REACTIONS) {
      const own = emoji === mine;
      const made = tool('react', emoji, () => {
        turn(false);
        port.react(seq, own ? undefined : emoji);
        more.focus();
      });
      setAttribute(made, 'aria-label', `${words.react} ${emoji}`);
      setAttribute(made, 'aria-pressed', String(own));
    }
  }

  function tool(part: string, label: string, act: () => void): HTMLElement {
    const made = button('link', part, label);
    made.addEventListener('click', act);
    tools.append(made);
    return made;
  }

  /** Asks for confirmation, because a deletion cannot be undone. */
  function sure(): void {
    tools.replaceChildren();
    tool('remove', words.reallyRemove, () => {
      turn(false);
      if (shown?.seq) port.retract(shown.seq);
      port.refocus();
    }).focus();
    tool('cancel', words.cancel, () => {
      turn(false);
      more.focus();
    });
  }

  function offerAnswers({ buttons, form, seq = 0 }: MessageRow): void {
    const hadFocus = offer.contains((offer.getRootNode() as ShadowRoot).activeElement);
    offer.replaceChildren();
    setAttribute(offer, 'hidden', buttons.length === 0 && form.length === 0);
    for (const { label, value } of buttons) {
      const made = button('choice', 'choice', label);
      made.addEventListener('click', () => port.choose(seq, value, label));
      offer.append(made);
    }
    if (form.length > 0) {
      const fields = createFields(form, words, FIELD_CHARS);
      const submit = h('button', { type: 'submit', class: 'choice', 'data-part': 'submit' }, words.submit);
      const element = h('form', { novalidate: true }, fields.element, submit);
      element.addEventListener('submit', (event) => {
        event.preventDefault();
        const answers = fields.answers();
        if (!answers || Object.keys(answers).length === 0) return;
        const label = form
          .filter(({ name }) => answers[name])
          .map(({ name, label = name }) => `${label}: ${answers[name]}`)
          .join('\n');
        port.choose(seq, answers, label);
      });
      offer.append(element);
    }
    if (hadFocus) port.refocus();
  }

  function update(row: Row): void {
    if (row.is !== 'message') return;
    const before = shown;
    shown = row;
    const own = row.from.kind === 'customer';
    const author = authorOf(row.from, words);
    setAttribute(element, 'class', row.first ? 'message first' : 'message');
    setAttribute(element, 'data-from', row.from.kind);
    setAttribute(element, 'data-state', row.state);
    setAttribute(element, 'data-seq', row.seq?.toString());
    // The author is visible once per group, but read out for every message.
    setAttribute(who, 'class', row.first && !own ? 'who' : 'unseen');
    setText(name, author);
    if (before?.from.avatar !== row.from.avatar || !before) {
      showFace(face, author, ofGateway(row.from.avatar, gateway));
    }
    setAttribute(quote, 'hidden', !row.quote);
    if (row.quote && before?.quote?.text !== row.quote.text) {
      const label = h('span', { class: 'unseen' }, `${fill(words.replyingTo, row.quote.author)}: `);
      quote.replaceChildren(label, h('span', { class: 'name', dir: 'auto' }, row.quote.text));
    }
    if (before?.text !== row.text || before.retracted !== row.retracted) {
      text.replaceChildren(...(row.retracted ? [words.removed] : linked(row.text)));
      setAttribute(bubble, 'data-removed', row.retracted);
    }
    setAttribute(text, 'hidden', !row.text && !row.retracted);
    const listed = row.retracted ? [] : row.files;
    if (files.childElementCount !== listed.length || ids(before?.files) !== ids(row.files)) {
      files.replaceChildren(...listed.map((file) => fileElement(file, port)));
    }
    if (before?.mine !== row.mine || before.theirs !== row.theirs) {
      const chip = (by: string, emoji: string) =>
        emoji ? [h('span', { class: 'reaction' }, h('span', { class: 'unseen' }, `${by}: `), emoji)] : [];
      // Only the other side reacts to the customer's messages, and the customer to theirs.
      const them = row.from.kind === 'customer' ? words.agent : author;
      reactions.replaceChildren(...chip(them, row.theirs), ...chip(words.you, row.mine));
      setAttribute(reactions, 'hidden', !row.mine && !row.theirs);
    }
    if (!before || before.buttons !== row.buttons || before.form !== row.form) offerAnswers(row);
    setAttribute(more, 'hidden', !row.mayReply);
    if (!row.mayReply && !tools.hidden) turn(false);
    setText(clock, language.time(row.at) + (row.edited && !row.retracted ? `, ${words.edited}` : ''));
    const stateWord = row.state && row.state !== 'failed' ? words[row.state] : '';
    setText(word, stateWord);
    setAttribute(word, 'class', row.state === 'sending' ? 'word' : 'unseen');
    setAttribute(meta, 'title', stateWord || undefined);
    setAttribute(meta, 'hidden', (!row.last && !row.edited) || row.state === 'failed');
    setAttribute(failure, 'hidden', row.state !== 'failed');
    const excess = row.excess ? `${language.count(row.excess, words.tooLong)} ` : '';
    setText(reason, `${words.notSent} ${excess}`);
    setAttribute(again, 'hidden', !!row.excess);
  }

  return { element, update };
}

function button(className: string, part: string, label: string): HTMLButtonElement {
  return h('button', { type: 'button', class: className, 'data-part': part, dir: 'auto' }, label);
}

const ids = (files: readonly FileLink[] = []) => files.map(({ id, url }) => `${id} ${url}`).join();

/** Shows the initial until, and unless, the picture loads. */
function showFace(face: HTMLElement, name: string, avatar: string | undefined): void {
  face.replaceChildren([...name].slice(0, 1).join('').toUpperCase());
  if (!avatar) return;
  const drawn = picture(avatar, () => face.replaceChildren(drawn));
}

function fileElement(
  { name, type, size, url }: FileLink,
  { gateway, language, grew }: MessagePort,
): HTMLElement {
  const address = webAddress(url, gateway);
  const label = size ? `${name} (${language.size(size)})` : name;
  if (!address) return h('span', { class: 'file', dir: 'auto' }, label);
  const element = link(address, label);
  element.className = 'file';
  const source = ofGateway(url, gateway);
  if (source && isPicture(type, size)) {
    const drawn = picture(source, () => {
      element.prepend(drawn);
      grew();
    });
  }
  return element;
}

/** The button on a file that waits to be sent, or on a message that can be discarded. */
export function removeButton(label: string): HTMLButtonElement {
  const made = button('plain', 'remove-file', '');
  setAttribute(made, 'aria-label', label);
  made.append(cross());
  return made;
}
