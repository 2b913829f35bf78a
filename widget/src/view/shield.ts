// Keeps the panel's keys and focus to itself, as a frame would: what is typed in the panel triggers
// no shortcut of the page, and a dialog of the page that traps the focus does not pull the customer
// out.
//
// An event in the panel is stopped at the window, before the page sees it, and dispatched again
// within the panel only. The browser's default action (typing a letter, following a link) still
// happens, because it depends only on whether the event was prevented.
//
// Invariants: the page misses no event outside the panel, except at the moment when a field gets
// back the focus that the page took from it; no action happens twice.

import type { Host } from '../launcher/host';

const KEYS = ['keydown', 'keypress', 'keyup', 'beforeinput'];
const FOCUS = ['focus', 'focusin'];
/** Events that bubble on to the page although they mean nothing there. */
const KEPT_IN = ['input', 'paste', 'copy', 'cut'];
const PRESSES = ['pointerdown', 'mousedown', 'click'];
/** Attributes that hide an element from people who see, hear, or use the keyboard. */
const HIDING = ['inert', 'aria-hidden'];
const FIELDS = 'textarea, input, select';

/**
 * `panel` returns the element whose keys are ours; returns a function that ends this.
 */
export function shield({ shadow, meet }: Host, panel: () => Element | undefined): () => void {
  const listening: [EventTarget, string, (event: Event) => void, boolean][] = [];
  const handled = new WeakSet<Event>();
  let isTakingBack = false;

  /** The target of an event, if it is one of our elements. */
  function ownTarget(event: Event): HTMLElement | undefined {
    const path = event.composedPath();
    return path.includes(shadow) ? (path[0] as HTMLElement) : undefined;
  }

  /**
   * Dispatches a copy within the panel: an event that is not composed neither leaves the shadow
   * root nor passes the window.
   */
  function repeat(event: Event, target: Element, isPrevented = false): void {
    const init = { bubbles: event.bubbles, cancelable: true };
    // A click has to be a MouseEvent to have an effect; a key must not be a KeyboardEvent, for
    // Firefox makes every one composed.
    const copy = event.type === 'click' ? new MouseEvent('click', init) : new Event(event.type, init);
    const [from, to] = [event, copy] as unknown as Record<string, unknown>[];
    for (const trait in from) if (to && !(trait in to)) to[trait] = from[trait];
    if (isPrevented) copy.preventDefault();
    target.dispatchEvent(copy);
    if (copy.defaultPrevented) event.preventDefault();
  }

  function intercept(event: Event): void {
    const target = ownTarget(event);
    if (!target || (KEYS.includes(event.type) && !panel()?.contains(target))) return;
    event.stopImmediatePropagation();
    repeat(event, target);
  }

  /** When the page pulls the focus out, the field takes it back, unnoticed by the page. */
  function takeBack(event: Event): void {
    const field = ownTarget(event)?.closest<HTMLElement>(FIELDS);
    if (!field) return;
    setTimeout(() => {
      if (shadow.activeElement === field || !field.isConnected) return;
      isTakingBack = true;
      field.focus();
      isTakingBack = false;
    });
  }

  function hide(event: Event): void {
    if (isTakingBack && !ownTarget(event)) event.stopImmediatePropagation();
  }

  /**
   * Repeats a click that the page has stopped; what the browser does by itself has already
   * happened.
   */
  function clicked(event: Event): void {
    const target = ownTarget(event);
    if (!target) return;
    takeBack(event);
    setTimeout(() => {
      if (!handled.has(event) && target.isConnected) repeat(event, target, !event.defaultPrevented);
    });
  }

  function listen(on: EventTarget, names: string[], act: (event: Event) => void, capture = true): void {
    for (const name of names) {
      on.addEventListener(name, act, capture);
      listening.push([on, name, act, capture]);
    }
  }

  listen(window, [...KEYS, ...FOCUS], intercept);
  // A modal dialog inside a component is found by the focus it takes.
  listen(window, ['focusin'], (event) => {
    for (const target of event.composedPath()) meet?.(target);
  });
  // Dialog libraries set these attributes on every sibling of their dialog. Removed with a delay: a
  // page that insists must not end up in a loop with us.
  const unhide = () => {
    for (const name of HIDING) shadow.host.removeAttribute(name);
  };
  const observer = new MutationObserver(() => setTimeout(unhide, 50));
  observer.observe(shadow.host, { attributeFilter: HIDING });
  unhide();
  listen(window, ['blur', 'focusout'], hide);
  listen(window, ['mousedown'], takeBack);
  listen(window, ['click'], clicked);
  const keep = (event: Event) => event.stopPropagation();
  listen(shadow, KEPT_IN, keep, false);
  // A dialog that closes on a press outside it must not mistake ours for one.
  const isInside = () => shadow.host.parentNode !== document.body;
  listen(shadow, PRESSES, (event) => isInside() && keep(event), false);
  listen(shadow, ['click'], (event) => handled.add(event));

  return () => {
    observer.disconnect();
    for (const [on, name, act, capture] of listening) on.removeEventListener(name, act, capture);
  };
}
