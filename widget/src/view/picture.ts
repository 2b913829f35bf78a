// Pictures, drawn on a canvas from their bytes. So a page needs no `img-src` or `blob:` in its
// Content-Security-Policy for them, its COEP does not block them, and none of their scripts or
// metadata matters. What the browser cannot draw is left out; a link beside it still opens it.

import { h } from '../dom';

/** Twice the width of the widest bubble, for high-density screens. */
const WIDEST_PX = 640;
/** Larger pictures are not fetched automatically. */
const LARGEST_BYTES = 10_000_000;

const DRAWN = /^image\/(png|jpeg|gif|webp|avif|bmp)$/;

export function isPicture(type: string | undefined, size = 0): boolean {
  return DRAWN.test(type ?? '') && size <= LARGEST_BYTES;
}

/**
 * A canvas that fills itself, hidden from screen readers because the name is next to it. Calls
 * `drawn` once there is something to see.
 */
export function picture(source: Blob | string, drawn: () => void): HTMLCanvasElement {
  const canvas = h('canvas', { class: 'picture', 'aria-hidden': 'true' });
  void draw(canvas, source).then(
    () => drawn(),
    () => canvas.remove(),
  );
  return canvas;
}

async function draw(canvas: HTMLCanvasElement, source: Blob | string): Promise<void> {
  const bitmap = await createImageBitmap(typeof source === 'string' ? await fetched(source) : source);
  const scale = Math.min(1, WIDEST_PX / bitmap.width);
  canvas.width = Math.max(1, Math.round(bitmap.width * scale));
  canvas.height = Math.max(1, Math.round(bitmap.height * scale));
  canvas.getContext('2d')?.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
}

async function fetched(address: string): Promise<Blob> {
  const response = await fetch(address, { credentials: 'omit', referrerPolicy: 'no-referrer' });
  if (!response.ok) throw new Error('no picture');
  return response.blob();
}
