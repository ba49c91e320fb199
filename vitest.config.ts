import { defineConfig } from 'vitest/config';

/** Specs beside the code are unit tests; test/medium, test/e2e and test/crash start real services and say which. */
export default defineConfig({
  test: {
    include: ['src/**/*.spec.ts', 'web3/**/*.spec.ts', 'workers/**/*.spec.ts', 'test/**/*.spec.ts'],
    exclude: ['node_modules/**', 'dist/**'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    setupFiles: ['./test/support/setup.ts'],
  },
});
