// Fits what a page passes to the gateway's limits, so that nothing is refused, and no socket
// closed, because of its size.
//
// Invariant: what is valid is kept. Only what does not fit is cut or left out, and each time a
// warning says what.

import { ANSWER_CHARS, scalars } from './wire';

/** The gateway closes a socket that sends a larger frame. */
const FRAME_BYTES = 65_536;
/** A JWT with ordinary claims is far smaller. */
export const IDENTITY_CHARS = 8_192;
const QUEUE_CHARS = 64;
const SUBJECT_CHARS = 200;
const ANSWERS = 32;
const ANSWER_NAME_CHARS = 64;
const ANSWERS_BYTES = 16_384;

export type Warn = (what: string) => void;

/** The text, or if it is longer than `limit` scalars its beginning with an ellipsis. */
export function cut(text: string, limit: number): string {
  // A scalar is one or two UTF-16 units, so there is no need to look further.
  if (text.length <= limit || scalars(text.slice(0, 2 * limit + 2)) <= limit) return text;
  return `${[...text.slice(0, 2 * limit)].slice(0, limit - 1).join('')}…`;
}

/** Whether an encoded frame is larger than the gateway accepts. */
export function isTooLarge(encoded: string): boolean {
  return encoded.length * 3 > FRAME_BYTES && new TextEncoder().encode(encoded).length > FRAME_BYTES;
}

export const isFields = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The key of a queue, if it can be one; only the gateway knows which queues exist. */
export function fitQueue(queue: unknown, warn: Warn): string | undefined {
  const isKey = typeof queue === 'string' && queue.length <= QUEUE_CHARS;
  if (!isKey && queue != null) warn('the queue is left out: it is no key');
  return isKey ? queue : undefined;
}

export function fitSubject(subject: unknown, warn: Warn): string | undefined {
  const text = asText(subject)?.trim();
  const fit = text && cut(text, SUBJECT_CHARS);
  if (fit !== text) warn(`the subject is cut to ${SUBJECT_CHARS} characters`);
  return fit || undefined;
}

/** Answers as strings, in their order, as many as fit. */
export function fitAnswers(given: object, warn: Warn): Record<string, string> {
  const fit = new Map<string, string>();
  let bytes = 0;
  for (const [key, value] of Object.entries(given)) {
    if (value == null) continue;
    const name = key.trim();
    const quoted = `"${cut(name, ANSWER_NAME_CHARS)}"`;
    const text = asText(value)?.trim();
    if (text === undefined) {
      warn(`${quoted} is left out: it is not a text`);
      continue;
    }
    const answer = cut(text, ANSWER_CHARS);
    if (answer !== text) warn(`${quoted} is cut to ${ANSWER_CHARS} characters`);
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
      warn(`${quoted} is left out: ${reason}`);
      continue;
    }
    bytes += size;
    fit.set(name, answer);
  }
  return Object.fromEntries(fit);
}

/** The protocol takes strings; a page may also pass numbers, booleans and lists. */
function asText(value: unknown): string | undefined {
  if (value == null || typeof value === 'function') return undefined;
  try {
    const text = String(value);
    return text === '[object Object]' ? JSON.stringify(value) : text;
  } catch {
    return undefined;
  }
}
