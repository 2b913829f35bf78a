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

export function chooseLanguage(...wanted: unknown[]): Choice {
  for (const one of wanted) {
    const tag = tagOf(one);
    const key = tag?.split('-')[0] ?? '';
    if (tag && Object.keys(LABELS).includes(key)) return { key, tag };
  }
  return { key: 'en', tag: 'en' };
}

/** A language tag as it is written properly, from how servers, phones and people write it (`de_DE.UTF-8`). */
export function tagOf(written: unknown): string | undefined {
  try {
    return Intl.getCanonicalLocales(
      String(written)
        .trim()
        .replace(/[.@].*/, '')
        .replace(/_/g, '-'),
    )[0];
  } catch {
    return undefined;
  }
}

export function openLabel({ key }: Choice): string {
  return LABELS[key] ?? '';
}
