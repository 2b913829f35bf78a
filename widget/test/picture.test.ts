// Displaying pictures: what counts as one, scaling, and files that cannot be drawn.

import { afterEach, expect, test, vi } from 'vitest';
import { isPicture, picture } from '../src/view/picture';

afterEach(() => vi.unstubAllGlobals());

test('pictures are recognised by their type, and very large ones are not fetched automatically', () => {
  expect(isPicture('image/png', 1000)).toBe(true);
  expect(isPicture('image/png', 50_000_000)).toBe(false);
  for (const type of ['image/svg+xml', 'text/html', 'ximage/png', undefined])
    expect(isPicture(type)).toBe(false);
});

test('a wide picture is scaled down, and fetched without credentials or referrer', async () => {
  const asked = vi.fn(async () => new Response('bytes'));
  vi.stubGlobal('fetch', asked);
  vi.stubGlobal('createImageBitmap', async () => ({ width: 1280, height: 500, close() {} }));
  const context = { drawImage: vi.fn() };
  vi.spyOn(HTMLCanvasElement.prototype, 'getContext').mockReturnValue(context as never);
  const drawn = vi.fn();
  const canvas = picture('https://g/f', drawn);
  await vi.waitFor(() => expect(drawn).toHaveBeenCalledOnce());
  expect([canvas.width, canvas.height]).toEqual([640, 250]);
  expect(context.drawImage).toHaveBeenCalledOnce();
  expect(asked).toHaveBeenCalledWith('https://g/f', { credentials: 'omit', referrerPolicy: 'no-referrer' });
});

test('a file that is no picture, or is missing, is left out', async () => {
  vi.stubGlobal('fetch', async () => new Response('', { status: 404 }));
  const bitmap = vi.fn(async () => Promise.reject(new Error('no picture')));
  vi.stubGlobal('createImageBitmap', bitmap);
  const drawn = vi.fn();
  const canvases = [picture('https://g/f', drawn), picture(new Blob(['x']), drawn)];
  document.body.replaceChildren(...canvases);
  await vi.waitFor(() => expect(document.querySelector('canvas')).toBeNull());
  expect(drawn).not.toHaveBeenCalled();
  expect(bitmap).toHaveBeenCalledOnce();
});
