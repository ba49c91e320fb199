import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { testDir, testTerminal, type TestTerminal } from '../../../test/support/cli.js';
import { FakeMarket } from '../../../test/support/fake-market.js';
import { readModelFile, writeModelFile } from '../../training/models.js';
import type { Cli } from '../cli.js';
import type { TrainerEstimate } from '../ports.js';
import { Reported } from '../ui/reported.js';
import { runCheckModel, type CheckOptions } from './check-model.js';
import { writeRecipeFile } from './recipe-file.js';

// Real: recipes, model files, fit check. Faked at their ports: the marketplace, and what the trainer says (real in
// workers/estimate/estimate-model.spec.ts).
let dir: string;
let remove: () => Promise<void>;
let world: FakeMarket;
let terminal: TestTerminal;
let estimate: TrainerEstimate | undefined;
let file: string;

beforeEach(async () => {
  ({ dir, remove } = await testDir());
  world = await FakeMarket.create();
  terminal = testTerminal();
  estimate = { admitted: true, flopsPerRow: 5_000_000, memoryBytes: 3 << 20, compileSeconds: 1.25, steps: 100 };
  file = path.join(dir, 'model.wbm');
  await writeRecipeFile(cli(), { recipe: 'mlp', dataset: world.dataset.id, out: file });
  terminal = testTerminal();
});
afterEach(async () => remove());

function cli(): Cli {
  const adapters = { modelChecker: async () => ({ estimate: async () => estimate }) };
  return { ui: terminal.ui, adapters, api: async () => world.api } as unknown as Cli;
}

async function check(choices: Omit<CheckOptions, 'dataset'> = {}): Promise<string> {
  await runCheckModel(cli(), file, { dataset: world.dataset.id, ...choices });
  return terminal.stdout();
}

describe('a model that fits', () => {
  it('is admitted, with operators, parameters, cost and price', async () => {
    const text = await check();
    expect(text).toMatch(/^Admitted\.\n/);
    expect(text).toMatch(/operators: +Gemm 3, Relu 2/);
    expect(text).toMatch(/parameters: +[\d,]+ trained, 0 frozen/);
    expect(text).toMatch(/a step: +about 5\.00 MFLOP a row; 100 steps/);
    expect(text).toMatch(/memory: +about 3\.0 MiB/);
    expect(text).toMatch(/price: +5 USDFC a run/);
    expect(text).not.toContain('warning');
  });

  function sellPrivacy(): void {
    const { terms, offer } = world.dataset;
    const budget = { epsilon: 10, delta: 1e-5, maxEpsilonPerJob: 3, pricePerEpsilon: '0.5' };
    Object.assign(terms, { privacy: { budget } });
    Object.assign(offer, { pricePerEpsilon: '500000000000000000', maxEpsilonMicros: '3000000' });
  }

  it('says what each epsilon costs, where the terms sell privacy', async () => {
    sellPrivacy();
    const text = await check();
    expect(text).toMatch(/price: +the terms allow no run without privacy/);
    expect(text).toMatch(/epsilon +noise multiplier +price of the run/);
    expect(text).toMatch(/^2 +[\d.]+ +6 USDFC$/m);
    expect(text).toContain('budget of 10, nothing is taken');
    expect(text).toContain('--epsilon 3 --out');
  });

  it('says what it costs with its columns standardised, also if its file asks for that', async () => {
    sellPrivacy();
    const { template, ...parts } = readModelFile(await readFile(file));
    const features = Object.fromEntries(
      Object.entries(template.features ?? {}).map(([name, some]) => [
        name,
        some.map((one) => (one.kind === 'scale' ? { ...one, kind: 'standardise' as const } : one)),
      ]),
    );
    expect(features).not.toEqual(template.features);
    for (const asked of [template, { ...template, features }]) {
      await writeFile(file, writeModelFile({ ...parts, template: asked }));
      terminal = testTerminal();
      const text = await check({ standardiseEpsilon: 0.5 });
      expect(text).toMatch(/^Admitted\.\n/);
      expect(text).toMatch(/epsilon +all together +noise multiplier/);
      expect(text).toMatch(/^2 +2\.\d+ +[\d.]+ +6\.\d+ USDFC$/m);
      expect(text).toContain('--standardise-epsilon 0.5 --epsilon 2 --out');
    }
    await expect(check()).rejects.toMatchObject({ error: { code: 'MODEL_DOES_NOT_FIT' } });
  });

  it('is to be trained with the options that it was checked with', async () => {
    const features = path.join(dir, 'my features.json');
    const { template } = readModelFile(await readFile(file));
    await writeFile(features, JSON.stringify(template.features));
    const text = await check({ features, epochs: 3, learningRate: 0.5, tokenizer: [] });
    expect(text).toContain(`--model ${file} --features '${features}' --epochs 3 --learning-rate 0.5 --out`);
  });

  it('says where its rows will lie, if memory has no room for them', async () => {
    expect(await check()).not.toMatch(/rows:/);
    const { manifest } = world.dataset;
    const more = ['p', 'q', 'r'].map((name) => ({ name, type: 'number' as const, range: { min: 0, max: 1 } }));
    Object.assign(manifest, { columns: [...manifest.columns, ...more], rowCount: 120_000_000 });
    await writeRecipeFile(cli(), { recipe: 'mlp', dataset: world.dataset.id, out: file });
    terminal = testTerminal();
    expect(await check()).toMatch(/rows: +[\d.]+ GiB, more than the 2\.0 GiB of memory.*sealed on the worker's disk/);
  });

  it('is admitted with a reservation where the trainer is not installed', async () => {
    estimate = undefined;
    const text = await check();
    expect(text).toMatch(/^Admitted, as far as can be said here/);
    expect(text).toContain('the trainer is not installed here');
  });
});

describe('a model that does not', () => {
  async function expectRefusal(code: string, message: RegExp): Promise<void> {
    const error: unknown = await check().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Reported);
    expect((error as Reported).error.code).toBe(code);
    expect(terminal.stdout()).toMatch(message);
    expect(world.opened).toBe(0);
  }

  it('is refused by the trainer, with its reason', async () => {
    estimate = { admitted: false, reason: 'rows-mix', detail: "a row's output depends on the other rows" };
    await expectRefusal('MODEL_REJECTED', /^Refused: rows-mix: a row's output/);
  });

  it('is refused for another dataset', async () => {
    const { template, ...parts } = readModelFile(await readFile(file));
    const [input] = template.inputs;
    const features = { [input?.name ?? '']: [{ kind: 'scale' as const, column: 'nowhere', min: 0, max: 1 }] };
    await writeFile(file, writeModelFile({ ...parts, template: { ...template, features } }));
    await expectRefusal('MODEL_DOES_NOT_FIT', /^Refused: /);
  });

  it('is refused when the file is none', async () => {
    await writeFile(file, 'PK');
    await expectRefusal('MODEL_REJECTED', /not a model file/);
  });
});
