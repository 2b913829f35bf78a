// The other scripts of the widget, fetched when there is a reason: the chat itself, and its words.
//
// `import()` needs no element in the page, keeps the nonce of the script that calls it, and is no
// sink for Trusted Types. Invariant: a new launcher never gets an old chunk from a cache, because
// the address carries a hash of what was built with it.

/** A hash over all chunks; put in by the build. */
declare const BUILD: string;

export function load<T>(gateway: string, name: string, attempt: number): Promise<T> {
  // A browser may remember that an address failed; another attempt needs another one.
  const again = attempt ? `&again=${attempt}` : '';
  return import(/* @vite-ignore */ `${gateway}/couplet-${name}.js?v=${BUILD}${again}`);
}
