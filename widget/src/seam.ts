// The interface between the launcher and the chat, which are two scripts. Browsers cache the
// launcher for minutes, so a new chat may meet an old launcher: add here, never rename.

import type { Words } from './i18n/en';
import type { ConfigResult } from './launcher/config';
import type { Emit } from './launcher/events';
import type { Host } from './launcher/host';
import type { Choice } from './launcher/language';
import type { Settings } from './launcher/settings';

export interface Seam {
  settings: Settings;
  host: Host;
  emit: Emit;
  /** The tenant's configuration as the launcher loaded it, and how to reload it. */
  config: Promise<ConfigResult>;
  ask(): Promise<ConfigResult>;
  /** The session no longer exists: another tab has ended it. */
  ended?(): void;
  language: Choice;
  words: Words;
}

/** A method of `window.Couplet` and its arguments. */
export type Call = [name: string, ...args: unknown[]];

export interface Chat {
  call(...call: Call): void;
  setLanguage(language: Choice, words: Words): void;
  /** `isElsewhere`: another tab has ended the session and already removed its data. */
  destroy(isElsewhere?: boolean): void;
}

/** The exports of `couplet-chat.js`. `calls` were made before it had loaded. */
export interface ChatChunk {
  start(seam: Seam, calls: Call[]): Chat;
}

/** The exports of `couplet-xx.js`. */
export interface WordsChunk {
  default: Words;
}
