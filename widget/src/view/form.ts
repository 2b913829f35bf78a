// Questions and the fields for their answers: before the chat, when nobody is online, and when an
// agent or a bot asks.
//
// Invariant: a missing or wrong answer is explained in words next to its field, and gets the focus.

import { h, setAttribute, setText } from '../dom';
import type { Words } from '../i18n/en';
import { fill } from '../i18n/fill';
import type { Field } from '../wire';

export interface Question extends Field {
  /** The texts to choose from; without them the answer is typed. */
  options?: string[];
}

export interface Fields {
  element: HTMLElement;
  /** Returns undefined if an answer is missing or wrong; the form shows which. */
  answers(): Record<string, string> | undefined;
  /** What has been filled in so far, valid or not. */
  given(): Record<string, string>;
}

interface Asked {
  name: string;
  value(): string;
  check(): boolean;
  focus(): void;
}

const EMAIL = /^[^@\s]+@[^@\s]+\.[^@\s]+$/;
const COMPLETED: Record<string, string> = { name: 'name', email: 'email', phone: 'tel' };
let count = 0;

export function createFields(
  fields: readonly Question[],
  words: Words,
  longest: number,
  known: Record<string, string> = {},
): Fields {
  const element = h('div', { class: 'fields' });
  const asked = fields.map((field) => ask(element, field, words, longest, known[field.name] ?? ''));
  function given(): Record<string, string> {
    const all = asked.map(({ name, value }) => [name, value()]);
    return Object.fromEntries(all.filter(([, value]) => value));
  }

  return {
    element,
    given,
    answers() {
      const wrong = asked.filter(({ check }) => !check());
      wrong[0]?.focus();
      return wrong.length > 0 ? undefined : given();
    },
  };
}

function ask(parent: HTMLElement, field: Question, words: Words, longest: number, known: string): Asked {
  const { name, required = false, options } = field;
  const own: Record<string, string> = { name: words.name, email: words.email, phone: words.phone };
  const text = field.label ?? own[name] ?? name;
  const type = name === 'email' ? 'email' : name === 'phone' ? 'tel' : 'text';
  const id = `field-${++count}`;
  const common = {
    id,
    name,
    dir: 'auto',
    'aria-required': String(required),
    'aria-describedby': `${id}-fault`,
    autocomplete: COMPLETED[name],
    class: 'answer',
  };
  const input = options
    ? h(
        'select',
        common,
        h('option', { value: '' }, words.pick),
        ...options.map((option) => h('option', { value: option }, option)),
      )
    : h('input', { ...common, type, maxlength: String(longest) });
  const fault = h('p', { id: `${id}-fault`, class: 'fault' });
  const label = h('label', { for: id, dir: 'auto' }, required ? text : fill(words.optional, text));
  parent.append(h('div', { class: 'question' }, label, input, fault));
  input.value = known;
  const value = () => input.value.trim();

  function check(): boolean {
    const isWrong = type === 'email' && value() !== '' && !EMAIL.test(value());
    const message = required && !value() ? words.required : isWrong ? words.invalidEmail : '';
    setText(fault, message);
    setAttribute(input, 'aria-invalid', message ? 'true' : undefined);
    return !message;
  }
  // A field with an error is checked again while it is corrected; others are left alone.
  input.addEventListener('input', () => fault.textContent && check());
  return { name, value, check, focus: () => input.focus() };
}
