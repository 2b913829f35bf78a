import { defineConfig } from 'vitest/config';

// The built script in a real browser, against the test gateway.
export default defineConfig({
  test: { include: ['test/browser/*.browser.ts'], testTimeout: 20_000, hookTimeout: 30_000 },
});
