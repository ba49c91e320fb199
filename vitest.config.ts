import { defineConfig } from 'vitest/config';

/** Specs beside the code are unit tests; test/medium, test/e2e and test/crash start real services and say which. */
export default defineConfig({
  // Node takes graphql's CommonJS build, Vite by itself its other one; two of them do not know each other's types.
  resolve: { alias: [{ find: /^graphql$/, replacement: `${import.meta.dirname}/node_modules/graphql/index.js` }] },
  test: {
    include: ['src/**/*.spec.ts', 'web3/**/*.spec.ts', 'workers/**/*.spec.ts', 'test/**/*.spec.ts'],
    exclude: ['node_modules/**', 'dist/**'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
    setupFiles: ['./test/support/setup.ts'],
  },
});
