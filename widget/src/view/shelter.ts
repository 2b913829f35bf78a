// Keys and focus of the panel are its own. As if it were a frame: what is typed here is no shortcut
// of the page's, and a dialog of the page that holds the focus does not pull the customer out.
//
// An event that is meant for us is stopped at the window, before the page hears of it, and told
// again to the panel alone. What the browser does by itself (a letter, a click on a link) is done
// all the same, because that asks only whether the event was prevented.
//
// Invariants: the page misses nothing that happens outside of the panel, but for the one moment in
// which a field is given the focus that the page took from it; nothing is done twice.

import type { Host } from '../launcher/host';

const KEYS = ['keydown', 'keypress', 'keyup', 'beforeinput'];
const FOCUS = ['focus', 'focusin'];
/** What bubbles on to the page although nobody there can make sense of it. */
const KEPT_IN = ['input', 'paste', 'copy', 'cut'];
const PRESSES = ['pointerdown', 'mousedown', 'click'];
/** What takes an element from those who see, hear, or use the keyboard. */
const SHUT_OUT = ['inert', 'aria-hidden'];
const FIELDS = 'textarea, input, select';

/** `panel` is where keys are ours; returns how to stop. */
export function shelter({ shadow, meet }: Host, panel: () => Element | undefined): () => void {
  const listening: [EventTarget, string, (event: Event) => void, boolean][] = [];
  const heard = new WeakSet<Event>();
  let isTakingBack = false;

  /** The element that it happens to, where that is one of ours. */
  function ours(event: Event): HTMLElement | undefined {
    const path = event.composedPath();
    return path.includes(shadow) ? (path[0] as HTMLElement) : undefined;
  }

  /** Only to those within: what is not composed neither leaves the shadow root nor comes by the window. */
  function tell(event: Event, target: Element, isPrevented = false): void {
    const init = { bubbles: event.bubbles, cancelable: true };
    // A click must be one to be acted on; a key must not, for Firefox composes whatever is made as a key.
    const copy = event.type === 'click' ? new MouseEvent('click', init) : new Event(event.type, init);
    const [from, to] = [event, copy] as unknown as Record<string, unknown>[];
    for (const trait in from) if (to && !(trait in to)) to[trait] = from[trait];
    if (isPrevented) copy.preventDefault();
    target.dispatchEvent(copy);
    if (copy.defaultPrevented) event.preventDefault();
  }

  function shield(event: Event): void {
    const target = ours(event);
    if (!target || (KEYS.includes(event.type) && !panel()?.contains(target))) return;
    event.stopImmediatePropagation();
    tell(event, target);
  }

  /** Where the page would have pulled the focus out, the field takes it once more, unseen. */
  function takeBack(event: Event): void {
    const field = ours(event)?.closest<HTMLElement>(FIELDS);
    if (!field) return;
    setTimeout(() => {
      if (shadow.activeElement === field || !field.isConnected) return;
      isTakingBack = true;
      field.focus();
      isTakingBack = false;
    });
  }

  function hide(event: Event): void {
    if (isTakingBack && !ours(event)) event.stopImmediatePropagation();
  }

  /** A click that the page has kept from us is told again; what the browser did with it is done. */
  function clicked(event: Event): void {
    const target = ours(event);
    if (!target) return;
    takeBack(event);
    setTimeout(() => {
      if (!heard.has(event) && target.isConnected) tell(event, target, !event.defaultPrevented);
    });
  }

  function listen(on: EventTarget, names: string[], act: (event: Event) => void, capture = true): void {
    for (const name of names) {
      on.addEventListener(name, act, capture);
      listening.push([on, name, act, capture]);
    }
  }

  listen(window, [...KEYS, ...FOCUS], shield);
  // A modal dialog in a component is seen by the focus that it takes.
  listen(window, ['focusin'], (event) => {
    for (const target of event.composedPath()) meet?.(target);
  });
  // Libraries of dialogs put it on whatever stands beside theirs. Not at once: a page that insists
  // must not be caught in a loop with it.
  const letIn = () => {
    for (const name of SHUT_OUT) shadow.host.removeAttribute(name);
  };
  const observer = new MutationObserver(() => setTimeout(letIn, 50));
  observer.observe(shadow.host, { attributeFilter: SHUT_OUT });
  letIn();
  listen(window, ['blur', 'focusout'], hide);
  listen(window, ['mousedown'], takeBack);
  listen(window, ['click'], clicked);
  const keep = (event: Event) => event.stopPropagation();
  listen(shadow, KEPT_IN, keep, false);
  // A dialog that closes on a press beside it must not take ours for one.
  const isInside = () => shadow.host.parentNode !== document.body;
  listen(shadow, PRESSES, (event) => isInside() && keep(event), false);
  listen(shadow, ['click'], (event) => heard.add(event));

  return () => {
    observer.disconnect();
    for (const [on, name, act, capture] of listening) on.removeEventListener(name, act, capture);
  };
}
