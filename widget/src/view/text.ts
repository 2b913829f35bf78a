// Text as it was written, with the addresses in it made into links.

import { h } from '../dom';

const ADDRESS = /https?:\/\/[^\s<>"]+/g;
/** What more likely ends the sentence than the address. */
const TRAILING = /[.,:;!?'")\]]+$/;

export function linked(text: string): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let at = 0;
  for (const match of text.matchAll(ADDRESS)) {
    const address = match[0].replace(TRAILING, '');
    parts.push(text.slice(at, match.index), link(address, address));
    at = match.index + address.length;
  }
  parts.push(text.slice(at));
  return parts.filter((part) => part !== '');
}

/** An address that may be followed or shown: absolute, and of the web. */
export function webAddress(url: string | undefined, base: string): string | undefined {
  try {
    const { protocol, href } = new URL(url ?? '', base);
    return url && /^https?:$/.test(protocol) ? href : undefined;
  } catch {
    return undefined;
  }
}

export function link(href: string, text: string): HTMLAnchorElement {
  return h('a', { href, target: '_blank', rel: 'noopener noreferrer nofollow' }, text);
}

/** The address, where it is the gateway's own: what is there may be fetched and shown. */
export function ofGateway(url: string | undefined, gateway: string): string | undefined {
  const address = webAddress(url, gateway);
  return address && new URL(address).origin === gateway ? address : undefined;
}
