// Numbers in words that agree with them, by the rules of the language and not of English.

type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

/** Chooses the form that `n` asks for and puts the number where `#` stands. */
export function plural(
  locale: string,
  options?: Intl.PluralRulesOptions,
): (n: number, forms: Forms) => string {
  const rules = new Intl.PluralRules(locale, options);
  const numbers = new Intl.NumberFormat(locale);
  return (n, forms) => (forms[rules.select(n)] ?? forms.other).replace('#', numbers.format(n));
}
