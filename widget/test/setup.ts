// What jsdom leaves out and the widget leans on.

class NoResize {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

globalThis.ResizeObserver ??= NoResize;
Element.prototype.scrollIntoView ??= () => {};
window.matchMedia ??= (media) => ({ media, matches: false }) as MediaQueryList;
