// The panel's language: its texts, and how it writes dates, sizes and numbers.

import type { Words } from '../i18n/en';
import { count, fill } from '../i18n/fill';

export interface Language {
  tag: string;
  words: Words;
  time(at: number): string;
  /** With the year if it is not the current one, or if `isDated`. */
  day(at: number, isDated?: boolean): string;
  /** With the year. */
  dayAndTime(at: number): string;
  /** When somebody will be in: within a week, the day of the week says enough. */
  back(at: number): string;
  size(bytes: number): string;
  percent(part: number): string;
  place(position: number): string;
  wait(seconds: number): string;
  count: typeof count extends (tag: string, ...rest: infer R) => string ? (...rest: R) => string : never;
}

/** A little less than a week: the same day next week is not meant. */
const WEEK_MS = 6 * 24 * 3600_000;
const KB = 1000;
const UNITS = ['byte', 'kilobyte', 'megabyte', 'gigabyte'];

export function createLanguage(tag: string, words: Words): Language {
  const format = (options: Intl.DateTimeFormatOptions) => {
    const made = new Intl.DateTimeFormat(tag, options);
    return (at: number) => made.format(at);
  };
  const day = { weekday: 'long', day: 'numeric', month: 'long' } as const;
  const [clock, dated] = [
    { hour: 'numeric', minute: '2-digit' },
    { ...day, year: 'numeric' },
  ] as const;
  const [plainDay, datedDay] = [format(day), format(dated)];
  const [weekday, plainTime, datedTime] = [
    format({ weekday: 'long', ...clock }),
    format({ ...day, ...clock }),
    format({ ...dated, ...clock }),
  ];
  const yearOf = (at: number) => new Date(at).getFullYear();
  const isThisYear = (at: number) => yearOf(at) === yearOf(Date.now());
  const numbers: Language['count'] = (...rest) => count(tag, ...rest);
  return {
    tag,
    words,
    time: format({ timeStyle: 'short' }),
    day: (at, isDated) => (isDated || !isThisYear(at) ? datedDay : plainDay)(at),
    dayAndTime: datedTime,
    back: (at) => (at - Date.now() < WEEK_MS ? weekday : isThisYear(at) ? plainTime : datedTime)(at),
    size(bytes) {
      const step = Math.max(0, Math.min(UNITS.length - 1, Math.floor(Math.log(bytes || 1) / Math.log(KB))));
      const options = { style: 'unit', unit: UNITS[step], unitDisplay: 'short', maximumFractionDigits: 1 };
      return new Intl.NumberFormat(tag, options as Intl.NumberFormatOptions).format(bytes / KB ** step);
    },
    percent: (part) => new Intl.NumberFormat(tag, { style: 'percent' }).format(part),
    place: (position) => words.places[position - 1] ?? numbers(position, words.place, 'ordinal'),
    wait: (seconds) => (seconds < 60 ? words.soon : numbers(Math.ceil(seconds / 60), words.minutes)),
    count: numbers,
  };
}

export { fill };
