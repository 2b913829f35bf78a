// The site owner's colour, and a readable text colour on it.
//
// Invariant: the pair returned has a contrast of at least 4.5:1 (WCAG 2.2 AA).

export interface Accent {
  fill: string;
  text: string;
}

const WHITE = '#ffffff';
const INK = '#111416';
const READABLE = 4.5;

type Rgb = [number, number, number];

/** Returns undefined for anything but a plain hexadecimal colour. */
export function accent(colour: string | null | undefined): Accent | undefined {
  let rgb = parse(colour ?? '');
  if (!rgb) return undefined;
  for (;;) {
    const fill = format(rgb);
    for (const text of [WHITE, INK]) if (contrast(fill, text) >= READABLE) return { fill, text };
    rgb = rgb.map((part) => Math.floor(part * 0.95)) as Rgb;
  }
}

export function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

function luminance(colour: string): number {
  const [r = 0, g = 0, b = 0] = (parse(colour) ?? []).map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function parse(colour: string): Rgb | undefined {
  const digits = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i.exec(colour)?.[1];
  if (!digits) return undefined;
  const six = digits.length === 3 ? digits.replace(/./g, '$&$&') : digits;
  return [0, 2, 4].map((at) => Number.parseInt(six.slice(at, at + 2), 16)) as Rgb;
}

function format(rgb: Rgb): string {
  return `#${rgb.map((part) => part.toString(16).padStart(2, '0')).join('')}`;
}
