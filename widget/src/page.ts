// Where the customer is: the page's address and title, and each navigation within the page.
//
// Host prototypes are never patched: the Navigation API reports navigations; in browsers without it
// the address is checked once a second. Query and fragment stay in the browser.

import { cut } from './fit';
import type { Page } from './wire';

const LOOK_EVERY_MS = 1_000;
/** The page is sent with every hello and must not be the larger part of it. */
const ADDRESS_CHARS = 2_000;
const TITLE_CHARS = 200;

export function currentPage(): Page {
  const page: Page = { url: bare(location.href), title: cut(document.title, TITLE_CHARS) };
  if (document.referrer) page.referrer = bare(document.referrer);
  return page;
}

/** Origin and path of a URL. */
export function bare(url: string): string {
  try {
    const { origin, pathname } = new URL(url, location.href);
    return cut(origin + pathname, ADDRESS_CHARS);
  } catch {
    return '';
  }
}

/** Calls back after each navigation to another address; returns a function that stops it. */
export function watchPage(moved: () => void): () => void {
  let url = bare(location.href);
  const look = () => {
    const now = bare(location.href);
    if (now === url) return;
    url = now;
    moved();
  };
  const navigation = (window as { navigation?: EventTarget }).navigation;
  if (navigation) {
    // Routers set the title after the address, hence the delay.
    const later = () => setTimeout(look, 50);
    navigation.addEventListener('currententrychange', later);
    return () => navigation.removeEventListener('currententrychange', later);
  }
  const timer = setInterval(look, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}
