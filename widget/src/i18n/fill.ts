// Fills texts: `{0}` is replaced by a name, `#` by a number, in the plural form that the language's
// own rules ask for.

/** One text for each plural form of the language. */
export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

export function fill(template: string, ...parts: string[]): string {
  return template.replace(/\{(\d)\}/g, (_, at) => parts[Number(at)] ?? '');
}

export function count(tag: string, n: number, forms: Plural, type: Intl.PluralRuleType = 'cardinal'): string {
  const form = new Intl.PluralRules(tag, { type }).select(n);
  return (forms[form] ?? forms.other).replace('#', new Intl.NumberFormat(tag).format(n));
}
