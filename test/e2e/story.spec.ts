// Real: everything. A devnet of its own, and the CLI as separate processes: seller, buyer and auditor from listing to the
// verified receipt; then key nodes that go down while a job needs them.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { weighbridge } from '../../web3/devnet/demo/cli.js';
import {
  as,
  DATASETS,
  oneDataset,
  trainArgs,
  type StoryContext,
  type StoryResult,
} from '../../web3/devnet/demo/story.js';
import { Timeline } from '../../web3/devnet/demo/timeline.js';
import { startDevnet } from '../../web3/devnet/devnet.js';
import { ACCOUNTS } from '../../web3/devnet/layout.js';
import { repositoryRoot } from '../../web3/devnet/repository-root.js';
import { distDir } from '../support/build.js';

const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-e2e-'));
const outDir = path.join(dir, 'out');
let context: StoryContext;
let result: StoryResult;

beforeAll(async () => {
  mkdirSync(outDir);
  const devnet = await startDevnet({ dir: path.join(dir, 'net'), distDir: distDir() });
  context = { devnet, timeline: new Timeline(), root: repositoryRoot(), outDir, distDir: distDir() };
});

afterAll(async () => {
  await context?.devnet.stop();
  rmSync(dir, { recursive: true, force: true });
});

describe('the story', () => {
  it('lists, trains, audits and verifies breast-cancer data, with a model that works', async () => {
    const dataset = DATASETS.find(({ name }) => name === 'breast-cancer');
    if (dataset === undefined) throw new Error('the demo has no breast-cancer dataset');
    result = await oneDataset(context, dataset);
    expect(result.accuracy).toBeGreaterThanOrEqual(dataset.minAccuracy);
  }, 300_000);

  it('waits while two of three key nodes are down, and goes on when one is back', async () => {
    const { nodes } = context.devnet.keyNodes;
    await Promise.all(nodes.slice(0, 2).map((node) => node.kill()));
    const file = (name: string): string => path.join(outDir, name);
    const args = trainArgs(result.datasetId, 3, file('late.safetensors'), file('late.json'), file('late.model'));
    const running = weighbridge(args, as(context, 'buyer'));
    const early = await Promise.race([running, new Promise((resolve) => setTimeout(resolve, 20_000, 'still waiting'))]);
    expect(early).toBe('still waiting');
    await nodes[0]?.start();
    await nodes[1]?.start();
    expect((await running).code).toBe(0);
  }, 300_000);

  it('leaves no private key in any log of any service', () => {
    const { layout } = context.devnet;
    const secrets = ACCOUNTS.map((name) => readFileSync(layout.keyFile(name), 'utf8').trim().slice(2));
    const logs = readdirSync(layout.dir, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.log'));
    expect(logs.length).toBeGreaterThan(5);
    for (const name of logs) {
      const text = readFileSync(path.join(layout.dir, name), 'utf8');
      for (const secret of secrets) expect(text.includes(secret), `${name} holds a private key`).toBe(false);
    }
  });
});
