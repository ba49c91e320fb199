import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** The longest first, as measured: one begun last would be waited for alone. What is not named comes after them. */
const LONGEST = [
  'test/crash/',
  'test/e2e/market',
  'test/e2e/',
  'test/medium/key-nodes',
  'test/medium/sandbox',
  'test/medium/log-',
  'test/medium/api/process',
  'test/medium/',
];

/** Those that share modules come last, so that a worker that has loaded them is kept to the end. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId, project }: TestSpecification): number => {
      const found = LONGEST.findIndex((part) => moduleId.includes(part));
      return (found === -1 ? LONGEST.length : found) + (project.config.isolate ? 0 : LONGEST.length);
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

/** Half of such a spec's time would be loading viem, NestJS and the SDKs, so one worker loads them once for all its specs. */
const SHARED = ['src/**/*.spec.ts', 'web3/**/*.spec.ts', 'workers/**/*.spec.ts', 'test/medium/**/*.spec.ts'];

/** Need modules loaded anew: they look at what happens at loading, or replace what all share. */
const ALONE = [
  'web3/filecoin/sha256-pairs.spec.ts',
  'web3/filecoin/store/foc-client.spec.ts',
  'web3/lit/quiet.spec.ts',
  'test/medium/filecoin-adapter.spec.ts',
  'test/medium/keys.spec.ts',
];

const EXCLUDED = ['node_modules/**', 'dist/**'];

/** Specs beside the code are unit tests; test/medium, test/e2e and test/crash start real services and say which. */
export default defineConfig({
  // Node takes graphql's CommonJS build, Vite by itself its other one; two of them do not know each other's types.
  resolve: { alias: [{ find: /^graphql$/, replacement: `${import.meta.dirname}/node_modules/graphql/index.js` }] },
  test: {
    projects: [
      { extends: true, test: { name: 'shared', include: SHARED, exclude: [...EXCLUDED, ...ALONE], isolate: false } },
      {
        extends: true,
        test: {
          name: 'isolated',
          include: ['test/{crash,e2e,standards,vectors}/**/*.spec.ts', ...ALONE],
          exclude: EXCLUDED,
        },
      },
    ],
    testTimeout: 60_000,
    hookTimeout: 120_000,
    // One more than the cores that this must run on: a spec with real services waits a third of its time.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    setupFiles: ['./test/support/setup.ts'],
    globalSetup: ['./test/support/global-setup.ts'],
  },
});
