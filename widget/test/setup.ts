// What jsdom lacks and the widget needs.

class NoResize {
  observe(): void {}
  unobserve(): void {}
  disconnect(): void {}
}

globalThis.ResizeObserver ??= NoResize;
Element.prototype.scrollIntoView ??= () => {};
window.matchMedia ??= (media) => ({ media, matches: false }) as MediaQueryList;
