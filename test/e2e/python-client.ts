// Real: everything. The devnet, the Python package as a buyer's program uses it, and the CLI beside it. PyTorch is not here:
// what weighbridge.export makes of a module is tested in clients/python, and comes in as a model file like this one.
import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { mustRun, weighbridge, type CliOptions } from '../../web3/devnet/demo/cli.js';
import { repositoryRoot } from '../../web3/devnet/repository-root.js';
import { declarationSchema, readModelFile, writeModelFile } from '../../src/training/models.js';
import { bombOf } from '../support/bombs.js';
import { publishSmall, termsFile, type TestDevnet } from '../support/devnet.js';
import { market } from './market.js';

const root = repositoryRoot();
let net: TestDevnet;
let cli: Record<'seller' | 'buyer', CliOptions>;
let dir: string;
let dataset = '';

/** Runs a program of a buyer's; it prints one JSON value at its end. */
async function python(program: string): Promise<unknown> {
  const interpreter = path.join(root, '.weighbridge/python/dev/bin/python');
  const lines = ['import json', 'import weighbridge as wb', 'market = wb.Market()', `dataset = "${dataset}"`, program];
  const env = {
    ...process.env,
    PYTHONPATH: path.join(root, 'clients/python/src'),
    WEIGHBRIDGE_NETWORK: net.devnet.layout.networkFile,
    WEIGHBRIDGE_KEY_FILE: net.devnet.layout.keyFile('buyer'),
    WEIGHBRIDGE_STATE: path.join(dir, 'python-state'),
  };
  const { stdout } = await promisify(execFile)(interpreter, ['-c', lines.join('\n')], {
    cwd: dir,
    env,
    timeout: 300_000,
  });
  return JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
}

/** USDFC in wei of a run on the private dataset below. */
const priceOf = (epsilon: number): bigint => 5n * 10n ** 18n + BigInt(Math.round(epsilon * 1e6)) * 5n * 10n ** 11n;

const within = (least: number, most: number): unknown => {
  const isWithin = (value: unknown): boolean => typeof value === 'number' && least <= value && value <= most;
  return { asymmetricMatch: isWithin, toString: () => `a number from ${least} to ${most}` };
};

/** Columns from 0 to 9, with a mean in that and a deviation of half of it at most; how far noise has moved them, nobody says. */
const FITTED = {
  input: ['a', 'b'].map((column) => ({ kind: 'scale', column, min: within(0, 9), max: within(0, 13.5) })),
};

describe('a buyer with Python', () => {
  beforeAll(async () => {
    net = market();
    ({ cli, dir } = net);
    // No row twice: rows are held out by their hash, so copies of one row would go the same way together.
    const rows = Array.from({ length: 60 }, (_, i) => `${i % 10},${Math.floor(i / 10)},${i % 2}`);
    dataset = await publishSmall(net, rows);
    await mustRun(['model', 'recipe', 'mlp', '--dataset', dataset, '--epochs', '2', '--out', 'model.wbm'], cli.buyer);
  }, 600_000);

  it('has its money back if the compiler does not finish its model, and the worker takes the next job', async () => {
    const { template, ...honest } = readModelFile(await readFile(path.join(dir, 'model.wbm')));
    const declaration = declarationSchema.parse(template);
    const bomb = bombOf('compiler', { declaration, ...honest, skippedColumns: [] });
    writeFileSync(path.join(dir, 'bomb.wbm'), writeModelFile({ template: bomb.declaration, ...bomb, tokenizers: [] }));
    const args = ['train', '--model', 'bomb.wbm', '--dataset', dataset, '--purpose', 'research', '--out', 'bomb.out'];
    const { code, json } = await weighbridge(args, cli.buyer);
    expect({ code, json }).toMatchObject({
      code: 1,
      json: {
        error: {
          code: 'JOB_STATE',
          next: expect.stringMatching(/^Use a smaller model.* 5 USDFC went back/) as unknown,
          details: { reason: 'model-too-large', refundTransaction: expect.stringMatching(/^0x/) as unknown },
        },
      },
    });
    expect(readdirSync(dir)).not.toContain('bomb.out');
    expect(await mustRun(['withdraw'], cli.buyer)).toMatchObject({ amountWei: (5n * 10n ** 18n).toString() });
    // The next job is the next story's.
  }, 600_000);

  it('finds, trains, pays once, loads and verifies', async () => {
    const found = await python(`
before = market.chain.usdfc_balance()
names = [one.title for one in wb.search("small")]
options = dict(dataset=dataset[:10], purpose="research", out="python.safetensors", receipt="receipt.json", progress=False)
weights = wb.train("model.wbm", **options)
again = wb.train("model.wbm", **options)
later = wb.job(weights.job[:10]).wait(progress=False)
first = wb.ModelFile.load("model.wbm").initial
print(json.dumps({
    "names": names,
    "paid": str(before - market.chain.usdfc_balance()),
    "sameJob": weights.job == again.job == later.job,
    "keys": sorted(weights),
    "moved": all((weights[name] != first[name]).any() for name in first),
    "verdict": bool(wb.verify("receipt.json", weights="python.safetensors")),
    "state": wb.job(weights.job).state,
}))`);
    expect(found).toEqual({
      names: ['Small'],
      paid: (5n * 10n ** 18n).toString(),
      sameJob: true,
      keys: ['net.0.bias', 'net.0.weight', 'net.2.bias', 'net.2.weight', 'net.4.bias', 'net.4.weight'],
      moved: true,
      verdict: true,
      state: 'settled',
    });
  }, 600_000);

  it('gets the weights that the CLI gets for the same model file', async () => {
    const checked = await weighbridge(['model', 'check', 'model.wbm', '--dataset', dataset], cli.buyer);
    expect(checked).toMatchObject({ code: 0, json: { admitted: true, trainer: { admitted: true } } });
    const args = [
      'train',
      '--model',
      'model.wbm',
      '--dataset',
      dataset,
      '--purpose',
      'research',
      '--out',
      'cli.safetensors',
    ];
    await mustRun(args, cli.buyer);
    const [ours, theirs] = await Promise.all(
      ['python.safetensors', 'cli.safetensors'].map(async (file) => readFile(path.join(dir, file))),
    );
    expect(ours?.equals(theirs ?? Buffer.alloc(0))).toBe(true);
  }, 600_000);

  it('trains within a privacy budget, which the log can count again', async () => {
    const terms = JSON.parse(await readFile(termsFile, 'utf8')) as Record<string, unknown>;
    const budget = { epsilon: 10, delta: 1e-5, maxEpsilonPerJob: 4, pricePerEpsilon: '0.5' };
    writeFileSync(path.join(dir, 'private.json'), JSON.stringify({ ...terms, privacy: { budget } }));
    const args = [
      'publish',
      'small.csv',
      '--label',
      'even',
      '--title',
      'Private',
      '--price',
      '5',
      '--holdout',
      '0.3',
      '--list-again',
    ];
    const { id } = (await mustRun([...args, '--terms', 'private.json'], cli.seller)) as { id: string };
    const found = await python(`
before = market.chain.usdfc_balance()
options = dict(dataset="${id}", purpose="research", epochs=2, out="private/weights.safetensors", receipt="private/receipt.json", progress=False)
refused = []
for privacy in (None, 5):
    try:
        wb.train("model.wbm", privacy=privacy, **options)
    except wb.WeighbridgeError as error:
        refused.append(error.code)
weights = wb.train("model.wbm", privacy=3, metric="loss", metric_epsilon=0.5, standardise_epsilon=0.3, **options)
receipt = json.load(open("private/receipt.json"))
print(json.dumps({
    "refused": refused,
    "paid": str(before - market.chain.usdfc_balance()),
    "privacy": receipt["training"]["privacy"],
    "metric": weights.metric,
    "features": weights.features,
    "verdict": bool(wb.verify("private/receipt.json", weights="private/weights.safetensors")),
    "taken": [len(one["spent"]) for one in market.api.privacy_balance("${id}")["shards"]],
}))`);
    const { privacy, ...others } = found as { privacy: { epsilon: number; delta: number } };
    // Training, metric and moments together, less than each of them alone.
    expect(privacy.epsilon).toBeGreaterThan(3);
    expect(privacy.epsilon).toBeLessThan(3.8);
    expect(privacy.delta).toBe(1e-5);
    expect(others).toEqual({
      refused: ['PRIVACY_REFUSED', 'PRIVACY_REFUSED'],
      paid: priceOf(privacy.epsilon).toString(),
      metric: {
        name: 'loss',
        value: within(0, 4),
        deviation: within(0, 8),
        rows: within(4, 40),
        bound: 4,
        noiseMultiplier: within(1, 20),
      },
      features: FITTED,
      verdict: true,
      taken: [66, 66],
    });
    const train = [
      'train',
      '--dataset',
      id,
      '--model',
      'model.wbm',
      '--epsilon',
      '3.5',
      '--metric',
      'accuracy',
      '--metric-epsilon',
      '0.5',
      '--standardise-epsilon',
      '0.3',
      '--purpose',
      'research',
      '--out',
    ];
    mkdirSync(path.join(dir, 'mine'));
    const trained = await mustRun([...train, 'mine/weights.safetensors'], cli.buyer);
    const { paidWei, metric } = trained as { paidWei: string; metric: { name: string; value: number } };
    expect(metric).toMatchObject({ name: 'accuracy', value: within(0, 1) });
    expect(JSON.parse(await readFile(path.join(dir, 'mine/metric.json'), 'utf8'))).toEqual(metric);
    const epsilon = Number(((BigInt(paidWei) - 5n * 10n ** 18n) * 2n) / 10n ** 12n) / 1e6;
    expect(epsilon).toEqual(within(3.5, 4));
    expect(JSON.parse(await readFile(path.join(dir, 'mine/fitted-features.json'), 'utf8'))).toEqual(FITTED);
    const files = [
      'declaration.json',
      'fitted-features.json',
      'metric.json',
      'model-card.md',
      'model-signing-key.pub',
      'model.cdx.json',
      'model.sig',
      'receipt.json',
      'weights.safetensors',
    ];
    for (const folder of ['private', 'mine']) expect(readdirSync(path.join(dir, folder)).sort()).toEqual(files);
    expect(await readFile(path.join(dir, 'mine/model-card.md'), 'utf8')).toContain(
      `(epsilon ${epsilon}, delta 0.00001)-differentially private`,
    );
    const audited = await weighbridge(['privacy', 'audit', id], cli.buyer);
    expect(audited).toMatchObject({
      code: 0,
      json: {
        ok: true,
        runs: [
          { epsilon: privacy.epsilon, state: 'spent' },
          { epsilon, state: 'spent' },
        ],
      },
    });
    const quoted = (await mustRun(['privacy', 'quote', '--dataset', id, '--epsilon', '4'], cli.buyer)) as {
      takenEpsilon: number;
    };
    expect(quoted.takenEpsilon).toBeGreaterThan(4);
  }, 600_000);

  it('tunes the head alone, and gets nothing else back', async () => {
    const found = await python(`
file = wb.ModelFile.load("model.wbm")
head = ["net.4.bias", "net.4.weight"]
file = wb.ModelFile.build({**file.template, "trainable": head}, file.graph, file.weights)
weights = wb.train(file, dataset=dataset, purpose="research", epochs=1, out="head.safetensors", progress=False)
from safetensors.numpy import load_file
same = [name for name in file.initial if (weights[name] == file.initial[name]).all()]
print(json.dumps({"returned": sorted(load_file("head.safetensors")), "same": same, "all": len(weights)}))`);
    expect(found).toEqual({
      returned: ['net.4.bias', 'net.4.weight'],
      same: ['net.0.bias', 'net.0.weight', 'net.2.bias', 'net.2.weight'],
      all: 6,
    });
  }, 600_000);
});
