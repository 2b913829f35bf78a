// Where the launcher and the chat meet: they are two scripts, and this is all they know of each
// other. The launcher stays what it is for minutes in a browser's cache, so add here, never rename.

import type { Words } from './i18n/en';
import type { Answer } from './launcher/config';
import type { Emit } from './launcher/events';
import type { Host } from './launcher/host';
import type { Choice } from './launcher/language';
import type { Settings } from './launcher/settings';

export interface Seam {
  settings: Settings;
  host: Host;
  emit: Emit;
  /** The tenant's configuration as the launcher got it, and how to get it anew. */
  config: Promise<Answer>;
  ask(): Promise<Answer>;
  /** The session is not there any more: another tab has ended it. */
  ended?(): void;
  language: Choice;
  words: Words;
}

/** A method of `window.Couplet` with what it was called with. */
export type Call = [name: string, ...args: unknown[]];

export interface Chat {
  call(...call: Call): void;
  setLanguage(language: Choice, words: Words): void;
  /** What another tab has ended, that tab has cleared away. */
  destroy(isElsewhere?: boolean): void;
}

/** What `couplet-chat.js` exports. `calls` came before it had loaded. */
export interface ChatChunk {
  start(seam: Seam, calls: Call[]): Chat;
}

/** What `couplet-xx.js` exports. */
export interface WordsChunk {
  default: Words;
}
