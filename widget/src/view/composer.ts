// The composer: the text field and the files to send.
//
// Invariants: the text stays until it has been passed on; a text that is too long is reported,
// never cut; Enter sends on a keyboard and breaks the line on a phone; an Enter that ends a
// composition does neither; editing an older message keeps and restores the text that was being
// written.

import { h, isComposing, setAttribute, setText } from '../dom';
import type { Words } from '../i18n/en';
import { entryAt, type State, type Target } from '../state/state';
import { scalars, TEXT_CHARS } from '../wire';
import { arrow, camera, clip, smile } from './drawings';
import { createEmoji } from './emoji';
import { fill, type Language } from './language';
import { removeButton } from './message';
import { authorOf } from './rows';
import { createTray } from './tray';

export interface Composer {
  element: HTMLElement;
  focus(): void;
  text(): string;
  render(state: State): void;
  /** Takes files that were dropped or pasted anywhere in the panel. */
  take(files: Iterable<File>): void;
}

export interface ComposerPort {
  language: Language;
  /** Returns false if the text cannot be sent yet. */
  send(text: string): boolean;
  typing(on: boolean): void;
  attach(files: Iterable<File>): void;
  retryFile(id: string): void;
  removeFile(id: string): void;
  clearTarget(): void;
}

export function createComposer(port: ComposerPort, draft: string): Composer {
  const { words, count } = port.language;
  const input = h('textarea', {
    'data-part': 'composer',
    'aria-label': words.write,
    'aria-describedby': 'hint',
    placeholder: words.write,
    rows: '1',
    dir: 'auto',
    enterkeyhint: isPhone() ? 'enter' : 'send',
  });
  // A replica of the text gives the field its height: no script measures, no inline style is set.
  const replica = h('div', { class: 'replica', 'aria-hidden': 'true' });
  const button = tool('submit', 'send', 'send', words.send, arrow());
  const { attach, photo, pickers } = createPickers(words, (files) => {
    port.attach(files);
    input.focus();
  });
  const emoji = tool('button', 'emoji-button', 'plain', words.emoji, smile());
  const targetWords = h('span', { class: 'name', dir: 'auto' });
  const cancel = removeButton(words.cancel);
  const banner = h('div', { class: 'banner', 'data-part': 'aim', hidden: true }, targetWords, cancel);
  const tray = createTray({ ...port, refocus: () => input.focus() });
  const hint = h('p', { id: 'hint', class: 'hint', role: 'status' });
  const table = createEmoji(words.emoji, insert);
  setAttribute(table, 'hidden', true);
  setAttribute(emoji, 'aria-expanded', 'false');
  const element = h(
    'form',
    { class: 'composer' },
    banner,
    tray.element,
    table,
    h('div', { class: 'field' }, replica, input),
    h('div', { class: 'buttons' }, attach, photo, emoji, button),
    hint,
    tray.status,
    ...pickers,
  );
  let limit = TEXT_CHARS;
  let isLoading = false;
  let hasFiles = false;
  let target: Target | undefined;
  let kept = '';

  function show(): void {
    const excess = scalars(input.value) - limit;
    replica.textContent = `${input.value}\n`;
    setText(hint, excess > 0 ? count(excess, words.tooLong) : '');
    setAttribute(input, 'aria-invalid', excess > 0 ? 'true' : undefined);
    button.disabled = excess > 0 || isLoading || !(input.value.trim() || (hasFiles && target?.is !== 'edit'));
  }

  function submit(): void {
    show();
    if (button.disabled) return;
    const text = input.value;
    input.value = '';
    if (port.send(text)) input.focus();
    else input.value = text;
    show();
  }

  function insert(emoji: string): void {
    input.setRangeText(emoji, input.selectionStart, input.selectionEnd, 'end');
    turn(false);
    input.focus();
    input.dispatchEvent(new Event('input', { bubbles: true }));
  }

  function turn(open: boolean): void {
    setAttribute(table, 'hidden', !open);
    setAttribute(emoji, 'aria-expanded', String(open));
    if (open) table.querySelector<HTMLElement>('[tabindex="0"]')?.focus();
  }

  function changed(): void {
    show();
    port.typing(input.value.trim() !== '');
  }

  function takeTarget(state: State): void {
    if (target === state.target) return;
    // Keep the text being written while an older message is edited.
    if (target?.is === 'edit') input.value = kept;
    target = state.target;
    const conversation = state.conversations.find(({ id }) => id === target?.conversation);
    const entry = entryAt(conversation, target?.seq);
    setAttribute(banner, 'hidden', !entry);
    if (!entry) return show();
    setText(
      targetWords,
      target?.is === 'edit' ? words.editing : fill(words.replyingTo, authorOf(entry.from, words)),
    );
    if (target?.is === 'edit') {
      kept = input.value;
      input.value = entry.text ?? '';
    }
    show();
    input.focus();
  }

  element.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  element.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || isComposing(event) || (table.hidden && !target)) return;
    event.stopPropagation();
    event.preventDefault();
    if (table.hidden) port.clearTarget();
    turn(false);
    input.focus();
  });
  input.addEventListener('input', changed);
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || isComposing(event) || isPhone()) return;
    event.preventDefault();
    submit();
  });
  emoji.addEventListener('click', () => turn(table.hidden));
  cancel.addEventListener('click', () => {
    port.clearTarget();
    input.focus();
  });
  input.value = draft;
  show();

  return {
    element,
    focus: () => input.focus(),
    text: () => (target?.is === 'edit' ? kept : input.value),
    render(state) {
      limit = state.textChars ?? state.config.limits?.text_chars ?? TEXT_CHARS;
      const fileBytes = state.fileBytes ?? state.config.limits?.file_bytes;
      setAttribute(attach, 'hidden', !fileBytes);
      setAttribute(photo, 'hidden', !fileBytes || !isPhone());
      setAttribute(pickers[0], 'accept', state.config.file_types?.join());
      tray.render(state.uploads, fileBytes);
      isLoading = state.uploads.some(({ link, failed }) => !link && !failed);
      hasFiles = state.uploads.some(({ link }) => link);
      takeTarget(state);
      show();
    },
    take: (dropped) => !attach.hidden && port.attach(dropped),
  };
}

/** The buttons for files and photos, and the hidden inputs that they open. */
function createPickers(words: Words, picked: (files: File[]) => void) {
  const attach = tool('button', 'attach', 'plain', words.attach, clip());
  const photo = tool('button', 'photo', 'plain', words.photo, camera());
  const type = 'file';
  const hidden = true;
  const files = h('input', { type, hidden, multiple: true, tabindex: '-1', 'data-part': 'files' });
  const shots = h('input', { type, hidden, accept: 'image/*', capture: 'environment' });
  for (const [button, input] of [
    [attach, files],
    [photo, shots],
  ] as const) {
    button.addEventListener('click', () => input.click());
    input.addEventListener('change', () => {
      picked([...(input.files ?? [])]);
      input.value = '';
    });
  }
  return { attach, photo, pickers: [files, shots] as const };
}

function tool(
  type: string,
  part: string,
  className: string,
  label: string,
  icon: SVGElement,
): HTMLButtonElement {
  return h('button', { type, 'data-part': part, class: className, 'aria-label': label, title: label }, icon);
}

/** On-screen keyboards do not offer Shift+Enter. */
function isPhone(): boolean {
  return matchMedia('(hover: none) and (pointer: coarse)').matches;
}
