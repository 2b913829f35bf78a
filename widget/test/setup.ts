// What jsdom leaves out and the widget leans on.

class NoResize {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

globalThis.ResizeObserver ??= NoResize;
window.matchMedia ??= (media) => ({ media, matches: false }) as MediaQueryList;
