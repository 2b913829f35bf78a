// The logo: two lines facing each other; the style sheet turns them into a cross when open.

import { drawing } from '../dom';

export function logo(): SVGElement {
  const bar = { width: '14', height: '4', rx: '2', fill: 'currentColor' };
  return drawing(
    'mark',
    ['rect', { ...bar, class: 'upper', x: '2.5', y: '6.5' }],
    ['rect', { ...bar, class: 'lower', x: '7.5', y: '13.5' }],
  );
}
