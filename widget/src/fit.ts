// What a page gives, made to fit what the gateway takes, so that nothing is refused, and no socket
// closed, for its size.
//
// Invariant: what is good is kept. Only what does not fit is cut or left out, and each time it is
// said which.

import { ANSWER_CHARS, scalars } from './wire';

/** The gateway closes a socket on which a larger frame comes. */
const FRAME_BYTES = 65_536;
/** A JWT of claims that are meant to be read stays far below. */
export const IDENTITY_CHARS = 8_192;
const QUEUE_CHARS = 64;
const SUBJECT_CHARS = 200;
const ANSWERS = 32;
const ANSWER_NAME_CHARS = 64;
const ANSWERS_BYTES = 16_384;

export type Complain = (what: string) => void;

/** The beginning of a text that is longer than `limit` scalars, with an ellipsis; else the text. */
export function cut(text: string, limit: number): string {
  // A scalar is one unit of a text or two, so there is no need to look further.
  if (text.length <= limit || scalars(text.slice(0, 2 * limit + 2)) <= limit) return text;
  return `${[...text.slice(0, 2 * limit)].slice(0, limit - 1).join('')}…`;
}

/** Whether the text of a frame is more than the gateway reads. */
export function isTooLarge(encoded: string): boolean {
  return encoded.length * 3 > FRAME_BYTES && new TextEncoder().encode(encoded).length > FRAME_BYTES;
}

export const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The key of a queue, where it can be one; the gateway knows which there are. */
export function fitQueue(queue: unknown, complain: Complain): string | undefined {
  const isKey = typeof queue === 'string' && queue.length <= QUEUE_CHARS;
  if (!isKey && queue != null) complain('the queue is left out: it is no key');
  return isKey ? queue : undefined;
}

export function fitSubject(subject: unknown, complain: Complain): string | undefined {
  const text = asText(subject)?.trim();
  const fit = text && cut(text, SUBJECT_CHARS);
  if (fit !== text) complain(`the subject is cut to ${SUBJECT_CHARS} characters`);
  return fit || undefined;
}

/** Answers as texts, in their order, as many of them as fit. */
export function fitAnswers(given: object, complain: Complain): Record<string, string> {
  const fit = new Map<string, string>();
  let bytes = 0;
  for (const [key, value] of Object.entries(given)) {
    if (value == null) continue;
    const name = key.trim();
    const quoted = `"${cut(name, ANSWER_NAME_CHARS)}"`;
    const text = asText(value)?.trim();
    if (text === undefined) {
      complain(`${quoted} is left out: it is not a text`);
      continue;
    }
    const answer = cut(text, ANSWER_CHARS);
    if (answer !== text) complain(`${quoted} is cut to ${ANSWER_CHARS} characters`);
    const size = new TextEncoder().encode(name + answer).length;
    const reason =
      !name || scalars(name) > ANSWER_NAME_CHARS
        ? `a name has 1 to ${ANSWER_NAME_CHARS} characters`
        : fit.size >= ANSWERS
          ? `there are more than ${ANSWERS}`
          : bytes + size > ANSWERS_BYTES
            ? `together they are more than ${ANSWERS_BYTES} bytes`
            : '';
    if (reason) {
      complain(`${quoted} is left out: ${reason}`);
      continue;
    }
    bytes += size;
    fit.set(name, answer);
  }
  return Object.fromEntries(fit);
}

/** The protocol takes texts; a page may know its customers by numbers, flags and lists, too. */
function asText(value: unknown): string | undefined {
  if (value == null || typeof value === 'function') return undefined;
  try {
    const text = String(value);
    return text === '[object Object]' ? JSON.stringify(value) : text;
  } catch {
    return undefined;
  }
}
