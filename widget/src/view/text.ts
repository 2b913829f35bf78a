// Displays text as it was written, with the addresses in it as links.

import { h } from '../dom';

const ADDRESS = /\bhttps?:\/\/[^\s<>"`\\^{}|]+/gi;
/** The length of the shortest beginning of an address. */
const SCHEME = 'http://'.length;
/**
 * Where an address ends although no space follows: quotation marks and full stops of other scripts
 * (not the letters, which addresses may contain), and invisible or direction-changing characters
 * (except the two joiners, which words may contain).
 */
const END =
  /[\u00ab\u00bb\u201c-\u201f\u2026\u2039\u203a\u3001\u3002\u300a-\u3011\u3014-\u301f\uff01\uff0c\uff1a\uff1b\uff1f\uff61-\uff64]|(?![\u200c\u200d])[\p{Cc}\p{Cf}]/u;
/** Punctuation that more likely ends the sentence than the address. */
const TRAILING = /[.,:;!?'*\u2018\u2019\u060c\u061b\u061f\u06d4\u0964]+$/;
const PAIRS: Record<string, string> = { ')': '(', ']': '[', '）': '（' };

const OPENING = Object.values(PAIRS);

/** The part that is the address: a closing bracket belongs to it if its opening bracket does. */
function trimmed(match: string): string {
  const end = match.search(END);
  let address = end < 0 ? match : match.slice(0, end);
  const open: { bracket: string; at: number }[] = [];
  for (let at = 0; at < address.length; at += 1) {
    const bracket = address[at] ?? '';
    const partner = PAIRS[bracket];
    if (OPENING.includes(bracket)) open.push({ bracket, at });
    else if (partner && open.pop()?.bracket !== partner) {
      address = address.slice(0, at);
      open.length = 0;
    }
  }
  const before = address.replace(TRAILING, '');
  // An empty bracket at the end was opened by the sentence.
  const last = open[open.length - 1];
  return last && last.at === before.length - 1 ? before.slice(0, -1).replace(TRAILING, '') : before;
}

export function linked(text: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let at = 0;
  const addresses = new RegExp(ADDRESS);
  for (let match = addresses.exec(text); match; match = addresses.exec(text)) {
    const address = trimmed(match[0]);
    // What was cut off may be where the next address begins.
    addresses.lastIndex = match.index + Math.max(SCHEME, address.length);
    if (!webAddress(address, address)) continue;
    parts.push(text.slice(at, match.index), link(address, address));
    at = match.index + address.length;
  }
  parts.push(text.slice(at));
  return parts.filter((part) => part !== '');
}

/** An address that may be followed or shown: absolute, and http or https. */
export function webAddress(url: string | undefined, base: string): string | undefined {
  try {
    // A path is relative to the gateway, which may itself be below a path.
    const { protocol, href } = new URL(url && /^\/(?!\/)/.test(url) ? base + url : (url ?? ''), base);
    return url && /^https?:$/.test(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

export function link(href: string, text: string): HTMLAnchorElement {
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, text);
}

/** The address, if it is on the gateway: only those are fetched and shown. */
export function ofGateway(url: string | undefined, gateway: string): string | undefined {
  const address = webAddress(url, gateway);
  return address?.startsWith(`${gateway}/`) ? address : undefined;
}
