// The parts of the panel, each by itself: what is shown, what is asked, which callbacks are called.

import { expect, test, vi } from 'vitest';
import ar from '../src/i18n/ar';
import en from '../src/i18n/en';
import { type Action, reduce } from '../src/state/reduce';
import { initial, type State } from '../src/state/state';
import type { Upload } from '../src/upload';
import { createEmoji } from '../src/view/emoji';
import { createFields } from '../src/view/form';
import { createLanguage } from '../src/view/language';
import { createMessage } from '../src/view/message';
import { createOptions } from '../src/view/options';
import { createPanel, type PanelPort, questions, splitQueue } from '../src/view/panel';
import { createRating } from '../src/view/rating';
import { type MessageRow, rows } from '../src/view/rows';
import { createTray } from '../src/view/tray';
import type { Entry } from '../src/wire';

const language = createLanguage('en', en);
const noon = new Date(2024, 2, 5, 12).getTime();

function log(...entries: Partial<Entry>[]): State {
  const actions = entries.map((more, index): Action => {
    const bones = { conversation: 'c', seq: index + 1, at: noon, kind: 'message' };
    const from = { kind: 'agent', name: 'Ann' } as const;
    return { type: 'frame', frame: { type: 'entry', ...bones, from, text: `text ${index + 1}`, ...more } };
  });
  return actions.reduce(reduce, initial);
}

const messages = (state: State) =>
  rows(state, en, (at) => new Date(at).toDateString()).filter(
    (row): row is MessageRow => row.is === 'message',
  );

const part = (element: Element, name: string) => {
  const found = element.querySelector<HTMLElement>(`[data-part="${name}"]`);
  if (!found) throw new Error(`no ${name}`);
  return found;
};

function piece(row: MessageRow | undefined) {
  const port = {
    gateway: 'https://g',
    language,
    retry: vi.fn(),
    discard: vi.fn(),
    choose: vi.fn(),
    setTarget: vi.fn(),
    retract: vi.fn(),
    react: vi.fn(),
    grew: vi.fn(),
    reveal: vi.fn(),
    refocus: vi.fn(),
  };
  const made = createMessage(port);
  document.body.replaceChildren(made.element);
  if (row) made.update(row);
  return { ...port, ...made };
}

const own = { from: { kind: 'customer' }, id: 'a' } as const;

test('a quote is above its reply and leads to the original', () => {
  const row = messages(log({ text: 'Which one?' }, { ...own, reply_to: 1 }))[1];
  const { element, reveal } = piece(row);
  expect(part(element, 'quote').textContent).toBe('Reply to Ann: Which one?');
  part(element, 'quote').click();
  expect(reveal).toHaveBeenCalledWith('c 1');
});

test('buttons are offered until one is chosen, or the chat has ended', () => {
  const buttons = [
    { label: '<i>Blue</i>', value: 'b' },
    { label: 'Red', value: 'r' },
  ];
  const state = log({ buttons });
  const { element, choose, update } = piece(messages(state)[0]);
  const [blue] = element.querySelectorAll<HTMLElement>('[data-part="choice"]');
  expect(blue?.textContent).toBe('<i>Blue</i>');
  blue?.click();
  expect(choose).toHaveBeenCalledWith(1, 'b', '<i>Blue</i>');
  const out = { frame: { type: 'choice', id: 'h', of: 1, value: 'b' } as const, at: noon, label: 'Blue' };
  const chosen = messages(reduce(state, { type: 'queued', out }));
  expect(chosen.map(({ text, state }) => [text, state])).toEqual([
    ['text 1', undefined],
    ['Blue', 'sending'],
  ]);
  if (chosen[0]) update(chosen[0]);
  expect(part(element, 'offer').hidden).toBe(true);
  expect(messages(log({ buttons }, { kind: 'choice', reply_to: 1, ...own, id: 'h' }))[0]?.buttons).toEqual(
    [],
  );
  expect(messages(log({ buttons }, { kind: 'closed' }))[0]?.buttons).toEqual([]);
});

test("a bot's form is answered by its fields, and shown as lines", () => {
  const form = [{ name: 'order', label: 'Order', required: true }, { name: 'note' }];
  const { element, choose } = piece(messages(log({ form }))[0]);
  const submit = part(element, 'submit');
  submit.click();
  expect(choose).not.toHaveBeenCalled();
  const input = element.querySelector('input');
  if (input) input.value = '1482';
  submit.click();
  expect(choose).toHaveBeenCalledWith(1, { order: '1482' }, 'Order: 1482');
});

test("an own message can be replied to, edited and, after confirmation, deleted; another's only replied and reacted to", () => {
  const state = log({}, own);
  const strange = piece(messages(state)[0]);
  part(strange.element, 'more').click();
  expect(
    [...strange.element.querySelectorAll('.tools button')].map(({ textContent }) => textContent),
  ).toEqual(['Reply', '👍', '❤️', '😊', '👎']);
  const mine = piece(messages(state)[1]);
  part(mine.element, 'more').click();
  expect(document.activeElement).toBe(part(mine.element, 'reply'));
  part(mine.element, 'edit').click();
  expect(mine.setTarget).toHaveBeenCalledWith('edit', 'c', 2);
  part(mine.element, 'more').click();
  part(mine.element, 'remove').click();
  expect(mine.retract).not.toHaveBeenCalled();
  expect(document.activeElement?.textContent).toBe('Delete for everyone');
  part(mine.element, 'remove').click();
  expect(mine.retract).toHaveBeenCalledWith(2);
});

test('the reactions of both sides are at the message, and the customer can take theirs back', () => {
  const mine = { kind: 'reaction', ...own } as const;
  const state = log(
    {},
    own,
    { ...mine, id: 'e1', target: 1, text: '👍' },
    { kind: 'reaction', target: 2, text: '🎉' },
    { ...mine, id: 'e2', target: 1, text: '❤️' },
    { kind: 'reaction', target: 2, text: undefined },
  );
  const [theirs, owned] = messages(state);
  expect(theirs).toMatchObject({ mine: '❤️', theirs: '', mayReact: true });
  expect(owned).toMatchObject({ mine: '', theirs: '', mayReact: false });
  expect(messages(state)).toHaveLength(2);
  const { element, react } = piece(theirs);
  expect(part(element, 'reactions').textContent).toBe('You: ❤️');
  part(element, 'more').click();
  const pressed = element.querySelector<HTMLElement>('[aria-pressed="true"]');
  expect(pressed?.getAttribute('aria-label')).toBe('React with ❤️');
  pressed?.click();
  expect(react).toHaveBeenCalledWith(1, undefined);
  part(element, 'more').click();
  part(element, 'react').click();
  expect(react).toHaveBeenCalledWith(1, '👍');
  const out = { frame: { type: 'react', id: 'e3', target: 1 } as const, at: noon };
  const taken = reduce(state, { type: 'queued', out });
  expect(messages(taken)[0]).toMatchObject({ mine: '' });
  const stored = reduce(taken, {
    type: 'frame',
    frame: { type: 'ack', id: 'e3', conversation: 'c', seq: 7, at: 5 },
  });
  expect(stored.outbox).toEqual([]);
  expect(messages(stored)[0]).toMatchObject({ mine: '' });
});

test('an edit shows at once, as being sent; a refused one keeps both texts and says so', () => {
  const out = { frame: { type: 'edit', id: 'e', target: 'a', text: 'better' } as const, at: noon };
  const editing = reduce(log(own), { type: 'queued', out });
  expect(messages(editing)[0]).toMatchObject({
    key: 'a',
    text: 'better',
    state: 'sending',
    mayChange: false,
  });
  const conflict = { type: 'error', code: 'conflict', message: '', for: 'e' } as const;
  const refused = reduce(editing, { type: 'frame', frame: conflict });
  const { element, discard } = piece(messages(refused)[0]);
  expect(element.dataset.state).toBe('failed');
  part(element, 'discard').click();
  expect(discard).toHaveBeenCalledWith('e');
});

test('a retracted message says so and shows neither text nor files', () => {
  const files = [{ id: 'f', name: 'a.txt', url: '/f' }];
  const { element } = piece(messages(log({ files }, { kind: 'retract', target: 1, text: undefined }))[0]);
  expect(part(element, 'text').textContent).toBe('Message removed');
  expect(element.querySelector('.file')).toBeNull();
  expect(part(element, 'more').hidden).toBe(true);
});

test('a file is a link with its size, and never one that runs', () => {
  const files = [
    { id: '1', name: '<img>.txt', size: 1500, url: '/v1/demo/files/1/x' },
    { id: '2', name: 'b', url: 'javascript:alert(1)' },
  ];
  const { element } = piece(messages(log({ files }))[0]);
  const [first, second] = element.querySelectorAll('.file');
  expect(first?.textContent).toBe('<img>.txt (1.5 kB)');
  expect(first?.getAttribute('href')).toBe('https://g/v1/demo/files/1/x');
  expect(second?.hasAttribute('href')).toBe(false);
});

test('fields say what is missing or wrong, and check again while it is corrected', () => {
  const fields = [
    { name: 'name', required: true },
    { name: 'email' },
    { name: 'size', options: ['S', 'L'] },
    { name: 'terms', label: 'Terms', required: true },
  ];
  const { element, answers } = createFields(fields, en, 100);
  document.body.replaceChildren(element);
  const [name, email, terms] = element.querySelectorAll('input');
  const select = element.querySelector('select');
  if (!name || !email || !terms || !select) throw new Error('fields are missing');
  expect([...element.querySelectorAll('label')].map(({ textContent }) => textContent)).toEqual([
    'Name',
    'Email (optional)',
    'size (optional)',
    'Terms',
  ]);
  email.value = 'kim';
  expect(answers()).toBeUndefined();
  expect(document.activeElement).toBe(name);
  const faults = () => [...element.querySelectorAll('.fault')].map(({ textContent }) => textContent);
  expect(faults()).toEqual([en.required, en.invalidEmail, '', en.required]);
  expect(name.getAttribute('aria-invalid')).toBe('true');
  name.value = 'Kim';
  name.dispatchEvent(new Event('input'));
  expect(faults()[0]).toBe('');
  email.value = 'kim@example.org';
  terms.value = 'yes';
  select.value = 'L';
  expect(answers()).toEqual({ name: 'Kim', email: 'kim@example.org', size: 'L', terms: 'yes' });
});

test('the questions before the chat: the form in force, and the queue if there is a choice', () => {
  const queues = [
    { key: 'default', name: 'General' },
    { key: 'sales', name: 'Sales' },
  ];
  const form = [{ name: 'name' }];
  const ask = (config: State['config'], more: Partial<State> = {}) =>
    questions({ ...initial, ...more, config }, language).map(({ name }) => name);
  expect(ask({ form })).toEqual(['name']);
  expect(ask({ form, online: false })).toEqual(['name', 'email']);
  expect(ask({ form: [{ name: 'phone' }], online: false })).toEqual(['phone']);
  expect(ask({ online: false }, { answers: { email: 'kim@example.org' } })).toEqual([]);
  expect(ask({ form }, { answers: { name: 'Kim' } })).toEqual([]);
  expect(ask({ queues })).toHaveLength(1);
  expect(ask({ queues }, { queue: 'sales' })).toEqual([]);
  expect(questions({ ...log({}), config: { form } }, language)).toEqual([]);
  const [choice] = questions({ ...initial, config: { queues } }, language);
  const chosen = (name: string) => splitQueue({ [choice?.name ?? '']: name, a: 'b' }, { queues });
  expect(chosen('Sales')).toEqual({ queue: 'sales', answers: { a: 'b' } });
  expect(chosen('General')).toEqual({ queue: undefined, answers: { a: 'b' } });
});

test('a rating needs a score, then offers a comment, then thanks', () => {
  const port = { language, rate: vi.fn(), skipRating: vi.fn(), refocus: vi.fn() };
  const { element, render } = createRating(port);
  document.body.replaceChildren(element);
  const over = log({ from: { kind: 'customer' } }, {}, { kind: 'closed' });
  render(over);
  const form = part(element, 'rating') as HTMLFormElement;
  expect(form.hidden).toBe(false);
  form.requestSubmit();
  expect(port.rate).not.toHaveBeenCalled();
  form.querySelectorAll('input')[3]?.click();
  const comment = form.querySelector('textarea');
  if (comment) comment.value = ' quick ';
  form.requestSubmit();
  expect(port.rate).toHaveBeenCalledWith(4, 'quick');
  render(reduce(over, { type: 'rated', score: 4 }));
  expect(form.hidden).toBe(true);
  expect(element.textContent).toContain(en.thanks);
  part(element, 'skip-rating').click();
  expect(port.skipRating).toHaveBeenCalledOnce();
});

test('the emoji table is one tab stop, and the arrows move in it', () => {
  const pick = vi.fn();
  const element = createEmoji('Emoji', pick);
  document.body.replaceChildren(element);
  const buttons = [...element.querySelectorAll('button')];
  const stops = () => buttons.filter(({ tabIndex }) => tabIndex === 0);
  expect(stops()).toEqual([buttons[0]]);
  const press = (key: string) =>
    document.activeElement?.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
  buttons[0]?.focus();
  for (const key of ['ArrowDown', 'ArrowRight', 'ArrowUp', 'ArrowUp']) press(key);
  expect(document.activeElement).toBe(buttons[1]);
  expect(stops()).toEqual([buttons[1]]);
  buttons[1]?.click();
  expect(pick).toHaveBeenCalledWith(buttons[1]?.textContent);
});

test("the tray shows a file's progress and errors", () => {
  const port = { language, retryFile: vi.fn(), removeFile: vi.fn(), refocus: vi.fn() };
  const { element, status, render } = createTray(port);
  const upload: Upload = { id: 'u', file: new File(['12345'], 'a.txt'), progress: 0.4 };
  render([upload], 2000);
  expect(element.textContent).toContain('40%');
  expect(element.querySelector('progress')?.value).toBe(0.4);
  expect(status.textContent).toBe('');
  render([{ ...upload, link: { id: 'f', name: 'a.txt' } }], 2000);
  expect(status.textContent).toBe('a.txt is attached');
  render([{ ...upload, failed: 'large' }], 2000);
  expect(element.textContent).toContain('Too large. At most 2 kB');
  expect(part(element, 'retry-file').hidden).toBe(true);
  render([{ ...upload, failed: 'network' }], 2000);
  part(element, 'retry-file').click();
  expect(port.retryFile).toHaveBeenCalledWith('u');
  part(element, 'remove-file').click();
  expect(port.removeFile).toHaveBeenCalledWith('u');
  render([], 2000);
  expect(element.hidden).toBe(true);
  expect(element.childElementCount).toBe(0);
});

test('the options are opened by their button and closed by Escape; permission to notify is requested in plain view', () => {
  const port = { language, download: vi.fn(), mute: vi.fn(), notify: vi.fn() };
  const { button, element, offer, render } = createOptions(port);
  document.body.replaceChildren(button, element);
  render(initial);
  expect(part(element, 'download').hidden).toBe(true);
  expect(offer.hidden).toBe(true);
  render({ ...log({}), notify: 'ask' });
  part(offer, 'notify').click();
  expect(port.notify).toHaveBeenCalledOnce();
  expect(offer.hidden).toBe(false);
  render({ ...log({}, { kind: 'joined' }), notify: 'ask' });
  expect(offer.hidden).toBe(true);
  render({ ...log({}, { kind: 'closed' }), notify: 'ask' });
  expect(offer.hidden).toBe(true);
  render(log({}));
  button.click();
  expect(element.hidden).toBe(false);
  part(element, 'sound').click();
  expect(port.mute).toHaveBeenCalledWith(true);
  expect(document.activeElement).toBe(button);
  button.click();
  element.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
  expect(button.getAttribute('aria-expanded')).toBe('false');
});

function panel(spoken = language, more: Partial<PanelPort> = {}) {
  const calls = { send: vi.fn(() => true), attach: vi.fn(), clearTarget: vi.fn() };
  const nothing = () => {};
  const port = {
    ...{ gateway: 'https://g', language: spoken, typing: nothing, retry: nothing, discard: nothing },
    ...{
      choose: nothing,
      setTarget: nothing,
      retract: nothing,
      react: nothing,
      older: nothing,
      retryFile: nothing,
    },
    ...{ removeFile: nothing, rate: nothing, skipRating: nothing, download: nothing, mute: nothing },
    ...{ notify: nothing, end: nothing, close: nothing, consent: nothing, saveDraft: nothing },
  };
  const made = createPanel({ ...port, ...calls, ...more }, {});
  document.body.replaceChildren(made.element);
  return { ...made, ...calls };
}

const write = (element: Element, text: string) => {
  const input = part(element, 'composer') as HTMLTextAreaElement;
  input.value = text;
  input.dispatchEvent(new Event('input'));
};

test('the form goes with the first message, which waits until it is filled in', () => {
  const { element, render, send } = panel();
  render({ ...initial, config: { form: [{ name: 'name', required: true }] } });
  write(element, 'hello');
  part(element, 'send').click();
  expect(send).not.toHaveBeenCalled();
  expect((part(element, 'composer') as HTMLTextAreaElement).value).toBe('hello');
  const name = element.querySelector<HTMLInputElement>('[name="name"]');
  if (name) name.value = 'Kim';
  part(element, 'send').click();
  expect(send).toHaveBeenCalledWith('hello', { name: 'Kim' });
  expect((part(element, 'composer') as HTMLTextAreaElement).value).toBe('');
});

test('nobody online: the panel says so', () => {
  const { element, render } = panel();
  const next = Date.now() + 3_600_000;
  render({ ...initial, config: { online: false, open: false, next } });
  expect(element.textContent).toContain(`${en.nobodyIn} We’re back ${language.back(next)}.`);
  const last = Date.now() - 1000;
  render({ ...initial, config: { online: false, open: false, next: last } });
  expect(element.textContent).toContain(en.nobodyIn);
  expect(element.textContent).not.toContain('We’re back');
});

test('an edit fills the composer, and restores the draft afterwards', () => {
  const { element, render, clearTarget } = panel();
  const input = part(element, 'composer') as HTMLTextAreaElement;
  const state = log(own);
  render(state);
  write(element, 'half a thought');
  const aiming = reduce(state, { type: 'target', target: { is: 'edit', conversation: 'c', seq: 1 } });
  render(aiming);
  expect(input.value).toBe('text 1');
  expect(part(element, 'aim').textContent).toContain(en.editing);
  input.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  expect(clearTarget).toHaveBeenCalledOnce();
  render(reduce(aiming, { type: 'target' }));
  expect(input.value).toBe('half a thought');
});

test('files are accepted if the gateway accepts them, pasted ones too', () => {
  const { element, render, attach } = panel();
  const paste = () => {
    const event = new Event('paste', { bubbles: true });
    Object.assign(event, { clipboardData: { files: [new File(['x'], 'x.png')] } });
    part(element, 'composer').dispatchEvent(event);
  };
  render(initial);
  expect(part(element, 'attach').hidden).toBe(true);
  paste();
  expect(attach).not.toHaveBeenCalled();
  render({ ...initial, fileBytes: 1000 });
  expect(part(element, 'attach').hidden).toBe(false);
  paste();
  expect(attach).toHaveBeenCalledOnce();
});

test('a message with a file needs no text, and waits for the upload', () => {
  const { element, render } = panel();
  const upload: Upload = { id: 'u', file: new File(['x'], 'x.txt'), progress: 0.5 };
  const send = part(element, 'send') as HTMLButtonElement;
  write(element, 'words');
  render({ ...initial, fileBytes: 1000, uploads: [upload] });
  expect(send.disabled).toBe(true);
  write(element, '');
  render({ ...initial, fileBytes: 1000, uploads: [{ ...upload, link: { id: 'f', name: 'x.txt' } }] });
  expect(send.disabled).toBe(false);
});

test('Arabic is written from right to left', () => {
  const { element } = panel(createLanguage('ar', ar));
  expect(element.dir).toBe('rtl');
  expect(element.lang).toBe('ar');
});
