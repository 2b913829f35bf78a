// Loads the widget's other scripts when they are needed: the chat and its texts.
//
// `import()` needs no element in the page, keeps the nonce of the script that calls it, and is no
// sink for Trusted Types. Invariant: a new launcher never gets an old chunk from a cache, because
// the address carries a hash of the chunks it was built with.

/** A hash over all chunks, inserted by the build. */
declare const BUILD: string;

export function load<T>(gateway: string, name: string, attempt: number): Promise<T> {
  // A browser may remember that an address failed, so another attempt needs another address.
  const again = attempt ? `&again=${attempt}` : '';
  return import(/* @vite-ignore */ `${gateway}/couplet-${name}.js?v=${BUILD}${again}`);
}
