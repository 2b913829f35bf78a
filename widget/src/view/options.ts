// What is needed occasionally: the transcript, sound. A button that reveals buttons. Permission to
// notify is requested in plain view, while there is a reply to wait for.

import { h, setAttribute, setText } from '../dom';
import { latest, type State } from '../state/state';
import { dots } from './drawings';
import type { Language } from './language';

export interface Options {
  button: HTMLElement;
  element: HTMLElement;
  /** Offers to request permission to notify. */
  offer: HTMLElement;
  render(state: State): void;
  /** Closes the menu over the log when the customer moves on to something else. */
  away(event: Event): void;
}

export interface OptionsPort {
  language: Language;
  download(): void;
  mute(muted: boolean): void;
  notify(): void;
}

export function createOptions(port: OptionsPort): Options {
  const { words } = port.language;
  const button = h('button', {
    type: 'button',
    'data-part': 'options',
    class: 'plain',
    'aria-label': words.options,
    'aria-expanded': 'false',
  });
  button.append(dots());
  const choice = (part: string, act: () => void) => {
    const made = h('button', { type: 'button', class: 'link', 'data-part': part });
    made.addEventListener('click', () => {
      act();
      turn(false);
      button.focus();
    });
    return made;
  };
  let muted = false;
  const download = choice('download', port.download);
  const sound = choice('sound', () => port.mute(!muted));
  const ask = h('button', { type: 'button', class: 'link', 'data-part': 'notify' }, words.notify);
  ask.addEventListener('click', port.notify);
  const offer = h('div', { class: 'note' }, ask);
  setText(download, words.download);
  const element = h('div', { class: 'options', hidden: true }, download, sound);

  function turn(open: boolean): void {
    setAttribute(element, 'hidden', !open);
    setAttribute(button, 'aria-expanded', String(open));
  }

  button.addEventListener('click', () => turn(element.hidden));
  for (const one of [button, element] as HTMLElement[]) {
    one.addEventListener('keydown', (event) => {
      if (event.key !== 'Escape' || element.hidden) return;
      event.stopPropagation();
      event.preventDefault();
      turn(false);
      button.focus();
    });
  }

  return {
    button,
    element,
    offer,
    away({ target }) {
      const isOurs = [button, element].some((one) => one.contains(target as Node | null));
      if (!isOurs && !element.hidden) turn(false);
    },
    render(state) {
      muted = state.muted;
      setText(sound, muted ? words.soundOn : words.soundOff);
      setAttribute(download, 'hidden', !latest(state)?.entries.length);
      const conversation = latest(state);
      const entries = conversation?.entries ?? [];
      // The log shows who joins before the wait is over; the offer disappears then, rather than
      // being moved.
      const isWaiting = conversation?.state === 'waiting' && entries[entries.length - 1]?.kind !== 'joined';
      setAttribute(offer, 'hidden', state.notify !== 'ask' || !isWaiting);
    },
  };
}
