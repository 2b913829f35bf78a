// The rating. Asked once, when a conversation in which somebody replied has ended.

import { h, setAttribute } from '../dom';
import { isStarting, isToBeRated, latest, type State } from '../state/state';
import { COMMENT_CHARS } from '../wire';
import type { Language } from './language';

export interface Rating {
  element: HTMLElement;
  render(state: State): void;
}

export interface RatingPort {
  language: Language;
  rate(score: number, comment: string): void;
  skipRating(): void;
  refocus(): void;
}

export function createRating(port: RatingPort): Rating {
  const { words } = port.language;
  const scores = words.scores.map((word, at) => {
    const input = h('input', {
      type: 'radio',
      name: 'score',
      value: String(at + 1),
      'aria-label': `${at + 1}, ${word}`,
    });
    return h(
      'label',
      { class: 'score', title: word },
      input,
      h('span', { 'aria-hidden': 'true' }, String(at + 1)),
    );
  });
  const ends = h(
    'div',
    { class: 'ends quiet', 'aria-hidden': 'true' },
    h('span', {}, words.scores[0]),
    h('span', {}, words.scores[4]),
  );
  const comment = h('textarea', { class: 'answer', rows: '2', dir: 'auto', 'aria-label': words.comment });
  comment.placeholder = words.comment;
  comment.maxLength = COMMENT_CHARS;
  const send = h('button', { type: 'submit', class: 'agree', 'data-part': 'send-rating' }, words.sendRating);
  const skip = h('button', { type: 'button', class: 'link', 'data-part': 'skip-rating' }, words.notNow);
  const more = h('div', { class: 'fields', hidden: true }, comment, h('div', { class: 'ends' }, send));
  const question = h(
    'fieldset',
    {},
    h('legend', {}, words.rate),
    h('div', { class: 'scores' }, ...scores),
    ends,
  );
  const form = h('form', { class: 'rating', 'data-part': 'rating' }, question, more, skip);
  const thanks = h('p', { class: 'note' });
  const element = h('div', { 'aria-live': 'polite' }, form, thanks);
  let asked = '';

  question.addEventListener('change', () => {
    setAttribute(more, 'hidden', false);
    skip.scrollIntoView({ block: 'nearest' });
  });
  skip.addEventListener('click', () => {
    port.skipRating();
    port.refocus();
  });
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const score = Number(new FormData(form).get('score'));
    if (!score) return;
    port.rate(score, comment.value.trim());
    port.refocus();
  });

  return {
    element,
    render(state) {
      const conversation = latest(state);
      if (asked !== conversation?.id) {
        asked = conversation?.id ?? '';
        form.reset();
        setAttribute(more, 'hidden', true);
      }
      setAttribute(form, 'hidden', !isToBeRated(state));
      const isThanked = conversation?.state === 'closed' && !!conversation.rated && !isStarting(state);
      if (isThanked !== (thanks.textContent !== '')) thanks.textContent = isThanked ? words.thanks : '';
      setAttribute(thanks, 'hidden', !isThanked);
    },
  };
}
