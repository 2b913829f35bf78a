// The widget on the page: one host element, an open shadow root, the launcher, and the panel.
//
// Invariants: the panel is built when first opened; the page's style stays out and ours stays in;
// styles come only as constructed sheets, so a strict Content-Security-Policy holds (browsers
// without them get one style element with the page's nonce). Focus goes into the panel when the
// customer opens it and back to where it was when they close it.

import type { Chat } from '../chat';
import { pickLanguage } from '../i18n';
import type { Settings, Theme } from '../settings';
import { type State, unread } from '../state';
import { accent } from './colour';
import { h, setAttribute, setText } from './dom';
import { mark } from './drawings';
import { createPanel, type Panel } from './panel';
import styles from './styles.css?inline';

export interface View {
  render(state: State): void;
  setTheme(theme: Theme): void;
  setLocale(locale: string): void;
  destroy(): void;
}

const FOCUSABLE = 'button:not([disabled]), textarea, a[href], [tabindex="0"]';
/** On so small a screen the panel is all of it, as the style sheet has it. */
const FULL_SCREEN = '(max-width: 479.98px), (max-height: 479.98px) and (pointer: coarse)';

export function createView(settings: Settings, chat: Chat): View {
  const host = document.createElement('couplet-chat');
  const shadow = host.attachShadow({ mode: 'open' });
  const adopt = styleSheets(shadow, settings.nonce);
  const badge = h('span', { class: 'badge', hidden: true });
  const launcher = h('button', { type: 'button', 'data-part': 'launcher', class: 'launcher' }, badge);
  launcher.prepend(mark());
  const root = h('div', { class: 'root', 'data-theme': settings.theme, 'data-position': settings.position });
  root.append(launcher);
  shadow.append(root);
  document.body.append(host);

  let language = pickLanguage(settings.locale, navigator.language);
  let panel: Panel | undefined;
  let isOpen = false;
  let before: Element | null = null;
  let colour: string | null | undefined;
  let viewport = '';

  launcher.addEventListener('click', () => chat.panel(!chat.state().open));
  shadow.addEventListener('keydown', (event) => onKey(event as KeyboardEvent));

  function render(state: State): void {
    if (colour !== (settings.color ?? state.config.color)) {
      colour = settings.color ?? state.config.color;
      dress();
    }
    language = pickLanguage(settings.locale, navigator.language, state.config.locale);
    if (state.open) {
      panel ??= build('');
      panel.render(state);
    }
    if (state.open !== isOpen) turn(state);
    const count = state.open ? 0 : unread(state);
    const { openChat, closeChat } = language.words;
    const label = state.open ? closeChat : openChat;
    setText(badge, count > 9 ? '9+' : String(count));
    setAttribute(badge, 'hidden', count === 0);
    setAttribute(launcher, 'aria-expanded', String(state.open));
    setAttribute(launcher, 'aria-label', count ? `${label}, ${language.words.unread(count)}` : label);
  }

  function build(draft: string): Panel {
    const close = () => chat.panel(false);
    const built = createPanel({ ...chat, gateway: settings.gateway, language, close }, draft);
    root.prepend(built.element);
    return built;
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
      const back = before && before !== host && before !== document.body ? (before as HTMLElement) : launcher;
      back.focus();
    }
  }

  function onKey(event: KeyboardEvent): void {
    if (!isOpen || !panel) return;
    if (event.key === 'Escape' && !event.isComposing) {
      event.stopPropagation();
      chat.panel(false);
    }
    if (event.key === 'Tab' && matchMedia(FULL_SCREEN).matches) keepFocus(event, panel.element);
  }

  /** The panel that covers the page must not lose the focus to what is under it. */
  function keepFocus(event: KeyboardEvent, within: HTMLElement): void {
    const stops = [...within.querySelectorAll<HTMLElement>(FOCUSABLE)].filter((stop) => stop.offsetParent);
    const [first, last] = [stops[0], stops[stops.length - 1]];
    const edge = event.shiftKey ? first : last;
    if (shadow.activeElement !== edge) return;
    event.preventDefault();
    (event.shiftKey ? last : first)?.focus();
  }

  /** What only a script can know: the owner's colour, and the height the keyboard leaves. */
  function dress(): void {
    const pair = accent(colour);
    const owner = pair ? `--accent:${pair.fill};--on-accent:${pair.text};` : '';
    adopt(`.root.root{${owner}${viewport}}`);
  }

  function measure(): void {
    const { height, offsetTop } = window.visualViewport ?? { height: 0, offsetTop: 0 };
    viewport = height ? `--height:${height}px;--top:${offsetTop}px;` : '';
    dress();
  }

  const visual = window.visualViewport;
  visual?.addEventListener('resize', measure);
  visual?.addEventListener('scroll', measure);
  measure();
  render(chat.state());

  return {
    render,
    setTheme: (theme) => setAttribute(root, 'data-theme', theme),
    setLocale(locale) {
      settings.locale = locale;
      const state = chat.state();
      language = pickLanguage(locale, navigator.language, state.config.locale);
      const draft = panel?.draft();
      panel?.element.remove();
      panel = draft === undefined ? undefined : build(draft);
      if (panel) setAttribute(panel.element, 'hidden', !state.open);
      render(state);
    },
    destroy() {
      visual?.removeEventListener('resize', measure);
      visual?.removeEventListener('scroll', measure);
      host.remove();
    },
  };
}

/** Puts the widget's sheet in force; returns how to set what changes. */
function styleSheets(shadow: ShadowRoot, nonce: string | undefined): (css: string) => void {
  if ('replaceSync' in CSSStyleSheet.prototype && 'adoptedStyleSheets' in shadow) {
    const fixed = new CSSStyleSheet();
    const changing = new CSSStyleSheet();
    fixed.replaceSync(styles);
    shadow.adoptedStyleSheets = [fixed, changing];
    return (css) => changing.replaceSync(css);
  }
  const style = h('style', { nonce });
  (shadow as ShadowRoot).append(style);
  return (css) => {
    style.textContent = styles + css;
  };
}
