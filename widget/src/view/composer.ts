// Where the customer writes.
//
// Invariants: the words stay until they are handed on; a text too long is said, never cut; Enter
// sends with a keyboard and breaks the line on a phone; an Enter that ends a composition does neither.

import type { Language } from '../i18n';
import { scalars, TEXT_CHARS } from '../wire';
import { h, setAttribute, setText } from './dom';
import { arrow } from './drawings';

export interface Composer {
  element: HTMLElement;
  focus(): void;
  text(): string;
  setLimit(chars: number | undefined): void;
}

export interface ComposerPort {
  language: Language;
  send(text: string): void;
  typing(on: boolean): void;
}

export function createComposer(port: ComposerPort, draft: string): Composer {
  const { words } = port.language;
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
  const button = h('button', {
    type: 'submit',
    'data-part': 'send',
    class: 'send',
    'aria-label': words.send,
  });
  button.append(arrow());
  const hint = h('p', { id: 'hint', class: 'hint', role: 'status' });
  const element = h(
    'form',
    { class: 'composer' },
    h('div', { class: 'field' }, replica, input),
    button,
    hint,
  );
  let limit = TEXT_CHARS;

  function show(): void {
    const excess = scalars(input.value) - limit;
    replica.textContent = `${input.value}\n`;
    setText(hint, excess > 0 ? words.tooLong(excess) : '');
    setAttribute(input, 'aria-invalid', excess > 0 ? 'true' : undefined);
    button.disabled = excess > 0 || !input.value.trim();
  }

  function submit(): void {
    show();
    if (button.disabled) return;
    const text = input.value;
    input.value = '';
    show();
    port.send(text);
    input.focus();
  }

  element.addEventListener('submit', (event) => {
    event.preventDefault();
    submit();
  });
  input.addEventListener('input', () => {
    show();
    port.typing(input.value.trim() !== '');
  });
  input.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || isPhone()) return;
    event.preventDefault();
    submit();
  });
  input.value = draft;
  show();

  return {
    element,
    focus: () => input.focus(),
    text: () => input.value,
    setLimit(chars = TEXT_CHARS) {
      if (limit === chars) return;
      limit = chars;
      show();
    },
  };
}

/** Without a keyboard of keys, Shift+Enter is out of reach. */
function isPhone(): boolean {
  return matchMedia('(hover: none) and (pointer: coarse)').matches;
}
