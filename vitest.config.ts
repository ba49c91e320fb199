import { defineConfig } from 'vitest/config';

const UNIT = ['src/**/*.spec.ts', 'web3/**/*.spec.ts', 'workers/**/*.spec.ts'];

/**
 * Specs beside the code are unit tests. Those under `test/` start real services (each says which), so they run one file
 * after the other: side by side on two cores they would time each other out. There a test that fails is tried once more,
 * and the report says so: a machine under load is not a fault of the code.
 */
export default defineConfig({
  // Node takes graphql's CommonJS build, Vite by itself its other one; two of them do not know each other's types.
  resolve: { alias: [{ find: /^graphql$/, replacement: `${import.meta.dirname}/node_modules/graphql/index.js` }] },
  test: {
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: UNIT,
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
          setupFiles: ['./test/support/setup.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'services',
          include: ['test/**/*.spec.ts'],
          testTimeout: 120_000,
          hookTimeout: 240_000,
          maxWorkers: 1,
          fileParallelism: false,
          retry: 1,
          setupFiles: ['./test/support/setup.ts'],
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
