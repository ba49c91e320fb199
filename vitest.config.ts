import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Whole stories first: they wait for blocks most of the time, and one begun last would be waited for alone. */
const LONGEST = ['test/crash/', 'test/e2e/', 'test/medium/'];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = LONGEST.findIndex((folder) => moduleId.includes(folder));
      return found === -1 ? LONGEST.length : found;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

/** Specs beside the code are unit tests; test/medium, test/e2e and test/crash start real services and say which. */
export default defineConfig({
  // Node takes graphql's CommonJS build, Vite by itself its other one; two of them do not know each other's types.
  resolve: { alias: [{ find: /^graphql$/, replacement: `${import.meta.dirname}/node_modules/graphql/index.js` }] },
  test: {
    include: ['src/**/*.spec.ts', 'web3/**/*.spec.ts', 'workers/**/*.spec.ts', 'test/**/*.spec.ts'],
    exclude: ['node_modules/**', 'dist/**'],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // One more than the cores that this must run on: a spec with real services waits a third of its time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    setupFiles: ['./test/support/setup.ts'],
    globalSetup: ['./test/support/global-setup.ts'],
  },
});
