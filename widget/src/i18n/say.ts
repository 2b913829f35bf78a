// Words with something in them: names where `{0}` stands, numbers where `#` stands, in the form
// that agrees with the number by the rules of the language and not of English.

/** One text for each form of number that a language has. */
export type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

export function say(template: string, ...parts: string[]): string {
  return template.replace(/\{(\d)\}/g, (_, at) => parts[Number(at)] ?? '');
}

export function count(tag: string, n: number, forms: Plural, type: Intl.PluralRuleType = 'cardinal'): string {
  const form = new Intl.PluralRules(tag, { type }).select(n);
  return (forms[form] ?? forms.other).replace('#', new Intl.NumberFormat(tag).format(n));
}
