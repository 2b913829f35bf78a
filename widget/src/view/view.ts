// The visible chat: the launcher's button with the unread count, and the panel.
//
// Invariants: the panel is built when first opened; the focus moves into it when the customer opens
// it, and back to where it was when they close it; a panel that covers the page keeps the focus.

import type { Chat } from '../chat/chat';
import { h, isComposing, setAttribute, setText } from '../dom';
import type { Host } from '../launcher/host';
import { type State, unread } from '../state/state';
import { save, transcript } from '../transcript';
import composerStyles from './composer.css?inline';
import deviceStyles from './device.css?inline';
import type { Language } from './language';
import logStyles from './log.css?inline';
import { createPanel, type Draft, type Panel, splitQueue } from './panel';
import panelStyles from './panel.css?inline';
import questionStyles from './questions.css?inline';
import { shield } from './shield';

export interface View {
  render(state: State): void;
  setLanguage(language: Language): void;
  remove(): void;
}

const FOCUSABLE = 'button, input, select, textarea, a[href], [tabindex="0"]';
/** On screens this small the panel covers everything, as the style sheet says. */
const FULL_SCREEN = '(max-width: 479.98px), (max-height: 479.98px) and (pointer: coarse)';

export function createView(host: Host, chat: Chat, gateway: string, spoken: Language): View {
  const { root, shadow, button } = host;
  host.sheet(panelStyles + logStyles + questionStyles + composerStyles + deviceStyles);
  const viewport = host.sheet('');
  const badge = h('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
  button.append(badge);
  let language = spoken;
  let panel: Panel | undefined;
  let isOpen = false;
  let before: Element | null = null;

  shadow.addEventListener('keydown', onKey as (event: Event) => void);
  const stopShielding = shield(host, () => panel?.element);

  function render(state: State): void {
    if (state.open) {
      panel ??= build(chat.draft());
      panel.render(state);
    }
    if (state.open !== isOpen) turn(state);
    const count = state.open ? 0 : unread(state);
    const { words } = language;
    const label = state.open ? words.close : words.open;
    setText(badge, language.count(Math.min(count, 9), { other: '#' }) + (count > 9 ? '+' : ''));
    setAttribute(badge, 'hidden', count === 0);
    setAttribute(button, 'aria-expanded', String(state.open));
    setAttribute(button, 'aria-label', count ? `${label}, ${language.count(count, words.unread)}` : label);
  }

  function build(draft: Draft): Panel {
    const built = createPanel(
      {
        ...chat,
        gateway,
        language,
        send: (text, answers = {}) => chat.send(text, splitQueue(answers, chat.state().config)),
        close: () => chat.panel(false),
        download: () => chat.whole(keep),
      },
      draft,
    );
    root.prepend(built.element);
    return built;
  }

  function keep(): void {
    save(transcript(chat.state(), language), 'chat.txt');
  }

  function turn(state: State): void {
    isOpen = state.open;
    setAttribute(root, 'data-open', isOpen);
    if (!panel) return;
    setAttribute(panel.element, 'hidden', !isOpen);
    if (isOpen) {
      before = document.activeElement;
      setAttribute(panel.element, 'aria-modal', matchMedia(FULL_SCREEN).matches ? 'true' : undefined);
      if (!state.quiet) panel.focus();
    } else if (shadow.activeElement) {
      const elsewhere = before && before !== shadow.host && before !== document.body;
      (elsewhere ? (before as HTMLElement) : button).focus();
    }
  }

  function onKey(event: KeyboardEvent): void {
    if (!isOpen || !panel) return;
    if (event.key === 'Escape' && !isComposing(event)) {
      event.stopPropagation();
      // So that the key does not also close a dialog of the page that contains the panel.
      event.preventDefault();
      chat.panel(false);
    }
    if (event.key === 'Tab' && matchMedia(FULL_SCREEN).matches) keepFocus(event, panel.element);
  }

  /** A panel that covers the page must not lose the focus to what is under it. */
  function keepFocus(event: KeyboardEvent, within: HTMLElement): void {
    const stops = [...within.querySelectorAll<HTMLElement>(FOCUSABLE)].filter(
      (stop) => stop.offsetParent && stop.tabIndex >= 0 && !(stop as HTMLButtonElement).disabled,
    );
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const edge = event.shiftKey ? first : last;
    if (shadow.activeElement !== edge) return;
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  }

  /** The height that the keyboard leaves; only a script can find it out. */
  function measure(): void {
    const { height, offsetTop } = window.visualViewport ?? { height: 0, offsetTop: 0 };
    viewport(height ? `.panel{--height:${height}px;--top:${offsetTop}px}` : '');
  }

  const visual = window.visualViewport;
  visual?.addEventListener('resize', measure);
  visual?.addEventListener('scroll', measure);
  measure();

  return {
    render,
    setLanguage(next) {
      language = next;
      const state = chat.state();
      const draft = panel?.draft();
      panel?.element.remove();
      panel = draft === undefined ? undefined : build(draft);
      if (panel) setAttribute(panel.element, 'hidden', !state.open);
      render(state);
    },
    remove() {
      stopShielding();
      visual?.removeEventListener('resize', measure);
      visual?.removeEventListener('scroll', measure);
    },
  };
}
