// Minimal helpers to create elements: markup is never parsed, text only becomes text nodes.

type Attributes = Record<string, string | boolean | undefined>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(element, name, value);
  element.append(...children);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A decorative drawing on a 24 by 24 square, hidden from screen readers. */
export function drawing(className: string, ...shapes: [string, Record<string, string>][]): SVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  const attributes = { class: className, viewBox: '0 0 24 24', 'aria-hidden': 'true', focusable: 'false' };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  for (const [tag, shape] of shapes) {
    const element = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(shape)) element.setAttribute(name, value);
    svg.append(element);
  }
  return svg;
}

/**
 * Sets or removes an attribute; does not touch an unchanged one, so that observers are not
 * notified.
 */
export function setAttribute(element: Element, name: string, value: string | boolean | undefined): void {
  const text = value === true ? '' : value === false ? undefined : value;
  if ((element.getAttribute(name) ?? undefined) === text) return;
  if (text === undefined) element.removeAttribute(name);
  else element.setAttribute(name, text);
}

/**
 * Whether a key belongs to an input method: the key that ends a composition has only its code
 * (229).
 */
export function isComposing({ isComposing, keyCode }: KeyboardEvent): boolean {
  return isComposing || keyCode === 229;
}

export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}
