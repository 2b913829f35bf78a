// The drawings on buttons. All of them use the colour of the text.

import { drawing } from '../dom';

const stroke = {
  fill: 'none',
  stroke: 'currentColor',
  'stroke-width': '2',
  'stroke-linecap': 'round',
  'stroke-linejoin': 'round',
};

const icon = (d: string, width = '2') => drawing('icon', ['path', { ...stroke, d, 'stroke-width': width }]);

export const chevron = () => icon('M6 9.5l6 6 6-6');
export const arrow = () => icon('M12 19V5.5M6 11l6-6 6 6');
export const cross = () => icon('M7 7l10 10M17 7L7 17');
export const dots = () => icon('M5.5 12h.01M12 12h.01M18.5 12h.01', '3');
export const clip = () =>
  icon('M19 11l-7.5 7.5a4.6 4.6 0 01-6.5-6.5L12.5 4.5a3 3 0 014.3 4.3L9.5 16a1.5 1.5 0 01-2.1-2.1L14 7.3');
export const camera = () => icon('M4 8h3.5l1.5-2.5h6L16.5 8H20v11H4zM12 16.2a3 3 0 100-6 3 3 0 000 6z');
export const smile = () =>
  icon('M12 20.5a8.5 8.5 0 100-17 8.5 8.5 0 000 17zM8.5 14.5a4.5 4.5 0 007 0M9.2 9.8h.01M14.8 9.8h.01');

/** One tick for stored, a second for delivered. */
export function ticks(): SVGElement {
  return drawing(
    'ticks',
    ['path', { ...stroke, class: 'one', d: 'M2.5 12.5l4.5 4.5L16 7.5' }],
    ['path', { ...stroke, class: 'two', d: 'M11.5 16l1 1 9.5-9.5' }],
  );
}
