// Which language the widget speaks: what the page asks for, else the browser's, else the
// tenant's, else English. A language is one file beside this one and one line below.

import { de } from './de';
import { en, type Words } from './en';

export type { Words };

const LANGUAGES: Record<string, Words> = { de, en };

export interface Language {
  /** The BCP 47 tag for dates and numbers, and for the `lang` attribute. */
  tag: string;
  words: Words;
}

export function pickLanguage(...wanted: (string | undefined)[]): Language {
  for (const tag of wanted) {
    const words = tag && LANGUAGES[tag.slice(0, 2).toLowerCase()];
    if (words && isTag(tag)) return { tag, words };
  }
  return { tag: 'en', words: en };
}

function isTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}
