// Chooses the widget's language: what the page asks for, else the browser's, else the tenant's,
// else English. The texts are in a separate chunk; only what the launcher itself displays is here.

/** The launcher's label per language; the build collects it from the files in `i18n/`. */
declare const LABELS: Record<string, string>;

export interface Choice {
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

/** Normalises a language tag from the forms that servers, phones and people use (`de_DE.UTF-8`). */
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
