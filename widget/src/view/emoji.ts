// A small table of common emoji. The system's own picker has all of them.

import { h } from '../dom';

const COLUMNS = 8;
const EMOJI = [
  ...['🙂', '😀', '😂', '😊', '😍', '😉', '😎', '🤔'],
  ...['😐', '😕', '😢', '😭', '😡', '😱', '😴', '🤒'],
  ...['👍', '👎', '👋', '🙏', '👏', '💪', '🤝', '🤷'],
  ...['❤️', '🎉', '⭐', '🔥', '✅', '❌', '⚠️', '💡'],
  ...['📦', '📷', '📎', '📅', '💳', '🚚', '🏠', '☕'],
];

/** The arrow keys move within the table; it is a single tab stop. */
export function createEmoji(label: string, pick: (emoji: string) => void): HTMLElement {
  const buttons = EMOJI.map((emoji, at) =>
    h('button', { type: 'button', class: 'emoji', tabindex: at ? '-1' : '0' }, emoji),
  );
  const element = h(
    'div',
    { class: 'table', role: 'group', 'aria-label': label, 'data-part': 'emoji' },
    ...buttons,
  );
  element.addEventListener('click', ({ target }) => {
    const at = buttons.indexOf(target as HTMLButtonElement);
    if (at >= 0) pick(EMOJI[at] ?? '');
  });
  element.addEventListener('keydown', (event) => {
    const at = buttons.indexOf(event.target as HTMLButtonElement);
    const isRtl = getComputedStyle(element).direction === 'rtl';
    const step: Record<string, number> = {
      ArrowRight: isRtl ? -1 : 1,
      ArrowLeft: isRtl ? 1 : -1,
      ArrowDown: COLUMNS,
      ArrowUp: -COLUMNS,
    };
    const next = buttons[at + (step[event.key] ?? Number.NaN)];
    if (!next) return;
    event.preventDefault();
    for (const one of buttons) one.tabIndex = one === next ? 0 : -1;
    next.focus();
  });
  return element;
}
