// The few drawings: the mark, and what stands on buttons. All take the colour of their text.

import { drawing } from './dom';

const stroke = {
  fill: 'none',
  stroke: 'currentColor',
  'stroke-width': '2',
  'stroke-linecap': 'round',
  'stroke-linejoin': 'round',
};

/** Two lines that answer each other; the style sheet turns them into a cross when open. */
export function mark(): SVGElement {
  const bar = { width: '14', height: '4', rx: '2', fill: 'currentColor' };
  return drawing(
    'mark',
    ['rect', { ...bar, class: 'upper', x: '2.5', y: '6.5' }],
    ['rect', { ...bar, class: 'lower', x: '7.5', y: '13.5' }],
  );
}

export function chevron(): SVGElement {
  return drawing('icon', ['path', { ...stroke, d: 'M6 9.5l6 6 6-6' }]);
}

export function arrow(): SVGElement {
  return drawing('icon', ['path', { ...stroke, d: 'M12 19V5.5M6 11l6-6 6 6' }]);
}

/** One tick for what is stored, the second for what has arrived. */
export function ticks(): SVGElement {
  return drawing(
    'ticks',
    ['path', { ...stroke, class: 'one', d: 'M2.5 12.5l4.5 4.5L16 7.5' }],
    ['path', { ...stroke, class: 'two', d: 'M11.5 16l1 1 9.5-9.5' }],
  );
}
