// The widget's place on the page: one host element, an open shadow root, the launcher in it.
//
// Invariants: the page's styles stay out and ours stay in; styles are constructed sheets only, so a
// strict Content-Security-Policy holds (browsers without them get style elements with the page's
// nonce); a page that replaces its body gets the widget back; while a modal dialog of the page,
// which makes everything outside it inert, is open, the widget is inside the dialog.

import { h } from '../dom';
import { accent } from './colour';
import styles from './launcher.css?inline';
import { logo } from './logo';
import type { Settings, Theme } from './settings';

export interface Host {
  shadow: ShadowRoot;
  root: HTMLElement;
  button: HTMLButtonElement;
  /** Adds a sheet; returns a function that replaces it. */
  sheet(css: string): (css: string) => void;
  dress(colour: string | null | undefined): void;
  setTheme(theme: Theme): void;
  /**
   * Passes an element that may be a modal dialog; dialogs inside components cannot be found from
   * here.
   */
  meet?(target: unknown): void;
  remove(): void;
}

export function createHost(settings: Settings): Host {
  const element = document.createElement('couplet-chat');
  const shadow = element.attachShadow({ mode: 'open' });
  const sheet = (css: string) => addSheet(shadow, css, settings.nonce);
  sheet(styles);
  const colours = sheet('');
  const button = h('button', { type: 'button', 'data-part': 'launcher', class: 'launcher' }, logo());
  const root = h('div', { class: 'root', 'data-position': settings.position }, button);
  shadow.append(root);
  const setTheme = (theme: Theme) => root.setAttribute('data-theme', theme);
  setTheme(settings.theme);

  /** In the order in which they were opened. */
  let modals: Element[] = [];
  const observer = new MutationObserver((records) => {
    for (const { target } of records) meet(target);
    // With a delay: a page that removes the widget on purpose must not end up in a loop with it.
    if (!element.isConnected) setTimeout(settle, 50);
  });
  let over = false;

  /** Looks at an element that may be, or have been, a modal dialog. */
  function meet(target: unknown): void {
    if (isModal(target) && !modals.includes(target)) modals.push(target);
    modals = modals.filter(isModal);
    if (element.parentNode !== parent()) settle();
  }

  const parent = () => modals[modals.length - 1] ?? document.body;

  function settle(): void {
    if (over) return;
    observer.disconnect();
    const within = parent();
    const isInside = within !== document.body;
    if (element.parentNode !== within) {
      within.append(element);
      // Above the dialog, even if the dialog clips or moves its content.
      element.popover = isInside ? 'manual' : null;
      if (isInside) element.showPopover?.();
    }
    const attributeFilter = ['open'];
    observer.observe(document, { attributeFilter, subtree: true });
    observer.observe(document.documentElement, { childList: true, subtree: isInside });
    observer.observe(within, { attributeFilter, childList: !isInside });
  }
  settle();
  for (const dialog of document.querySelectorAll('dialog')) meet(dialog);

  return {
    shadow,
    root,
    button,
    sheet,
    setTheme,
    meet,
    dress(colour) {
      const pair = accent(colour);
      colours(pair ? `.root.root{--accent:${pair.fill};--on-accent:${pair.text}}` : '');
    },
    remove() {
      over = true;
      observer.disconnect();
      element.remove();
    },
  };
}

function isModal(target: unknown): target is Element {
  try {
    return (target as Element).matches('dialog:modal');
  } catch {
    return false;
  }
}

function addSheet(shadow: ShadowRoot, css: string, nonce: string | undefined): (css: string) => void {
  if ('replaceSync' in CSSStyleSheet.prototype && 'adoptedStyleSheets' in shadow) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    shadow.adoptedStyleSheets = [...shadow.adoptedStyleSheets, sheet];
    return (next) => sheet.replaceSync(next);
  }
  const style = h('style', { nonce }, css);
  (shadow as ShadowRoot).append(style);
  return (next) => {
    style.textContent = next;
  };
}
