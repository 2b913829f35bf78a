import { defineConfig } from 'vitest/config';
import { labels } from './languages.mjs';

// The unit tests. What needs a real browser is in test/browser.config.ts.
export default defineConfig(async () => ({
  define: { BUILD: '"test"', LABELS: JSON.stringify(await labels()) },
  test: {
    include: ['test/*.test.ts'],
    environment: 'jsdom',
    environmentOptions: { jsdom: { url: 'https://shop.example/cart?secret=1#top' } },
    setupFiles: ['test/setup.ts'],
    css: true,
    restoreMocks: true,
  },
}));
