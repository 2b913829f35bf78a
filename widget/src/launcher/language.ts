// Which language the widget speaks: what the page asks for, else the browser's, else the
// tenant's, else English. The words are a chunk of their own; here is only what the launcher
// itself says.

/** By language, what opens the chat; the build collects it from the files in `i18n/`. */
declare const LABELS: Record<string, string>;

export interface Choice {
  /** The chunk. */
  key: string;
  /** The BCP 47 tag for dates and numbers, and for the `lang` attribute. */
  tag: string;
}

export function chooseLanguage(...wanted: (string | null | undefined)[]): Choice {
  for (const tag of wanted) {
    const key = tag?.slice(0, 2).toLowerCase() ?? '';
    if (tag && Object.keys(LABELS).includes(key) && isTag(tag)) return { key, tag };
  }
  return { key: 'en', tag: 'en' };
}

export function openLabel({ key }: Choice): string {
  return LABELS[key] ?? '';
}

function isTag(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length > 0;
  } catch {
    return false;
  }
}
