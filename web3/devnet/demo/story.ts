import { copyFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import type { Devnet } from '../devnet.js';
import { mustRun, type CliOptions } from './cli.js';
import { measureAccuracy } from './evaluate.js';
import type { Timeline } from './timeline.js';

export interface StoryContext {
  devnet: Devnet;
  timeline: Timeline;
  /** Root of the checkout. */
  root: string;
  /** `.weighbridge/demo`. */
  outDir: string;
  distDir: string;
}

/** A real dataset of `examples/`, what the seller says of it, and what a buyer expects to reach with it. */
export interface DemoDataset {
  name: string;
  title: string;
  label: string;
  priceUsdfc: string;
  epochs: number;
  minAccuracy: number;
}

export const DATASETS: readonly DemoDataset[] = [
  { name: 'digits', title: 'Handwritten digits', label: 'digit', priceUsdfc: '5', epochs: 20, minAccuracy: 0.95 },
  {
    name: 'breast-cancer',
    title: 'Breast cancer, Wisconsin',
    label: 'diagnosis',
    priceUsdfc: '12.5',
    epochs: 20,
    minAccuracy: 0.93,
  },
];

export interface StoryResult {
  dataset: DemoDataset;
  datasetId: string;
  jobId: string;
  weightsFile: string;
  receiptFile: string;
  accuracy: number;
}

const publishedJson = z.object({ id: z.string(), logIndex: z.number(), rowCount: z.number() });
const trainedJson = z.object({ orderId: z.string() });

/** Options of a CLI run as the seller or the buyer. */
export function as(context: StoryContext, who: 'seller' | 'buyer'): CliOptions {
  const { devnet, distDir, outDir } = context;
  const { networkFile } = devnet.layout;
  return { distDir, networkFile, keyFile: devnet.layout.keyFile(who), cwd: outDir };
}

/** Seller lists, buyer trains, auditor checks: on both datasets, through the CLI, as a person would. */
export async function runStory(context: StoryContext): Promise<StoryResult[]> {
  const results: StoryResult[] = [];
  for (const dataset of DATASETS) {
    context.timeline.title(dataset.title);
    results.push(await oneDataset(context, dataset));
  }
  return results;
}

async function oneDataset(context: StoryContext, dataset: DemoDataset): Promise<StoryResult> {
  const { timeline } = context;
  const published = await timeline.step(
    'seller: encrypt, store and list',
    () => publish(context, dataset),
    ({ id, rowCount, logIndex }) => `${rowCount} rows, dataset ${short(id)}, log entry ${logIndex}`,
  );
  await timeline.step('buyer: search and read the offer', async () => {
    await mustRun(['search', dataset.name.split('-')[0] ?? dataset.name], as(context, 'buyer'));
    await mustRun(['show', published.id], as(context, 'buyer'));
  });
  const trained = await timeline.step(
    'buyer: licence, escrow, training, weights',
    () => train(context, dataset, published.id),
    ({ jobId }) => `job ${short(jobId)}, ${dataset.priceUsdfc} USDFC paid out`,
  );
  const accuracy = await timeline.step(
    'buyer: accuracy on rows that were never uploaded',
    () => measureAccuracy(context.root, dataset.name, trained),
    (value) => `${(value * 100).toFixed(1)} %, wanted ${(dataset.minAccuracy * 100).toFixed(0)} %`,
  );
  await timeline.step('auditor: every access, from the log itself', () =>
    mustRun(['audit', published.id], as(context, 'buyer')),
  );
  await timeline.step('auditor: receipt, offline', () => verify(context, trained.receiptFile, []));
  await timeline.step('auditor: receipt, with chain and Ceramic', () =>
    verify(context, trained.receiptFile, ['--online']),
  );
  return { dataset, datasetId: published.id, accuracy, ...trained };
}

async function publish(context: StoryContext, { name, title, label, priceUsdfc }: DemoDataset) {
  const examples = path.join(context.root, 'examples');
  return publishedJson.parse(
    await mustRun(
      [
        ...['publish', path.join(examples, `${name}.csv`), '--label', label, '--title', title, '--price', priceUsdfc],
        ...['--terms', path.join(examples, 'terms.json'), '--columns', path.join(examples, `${name}.columns.json`)],
      ],
      as(context, 'seller'),
    ),
  );
}

/** Buys a training run. @throws Error with the CLI's words if the job does not end settled */
export async function train(context: StoryContext, { name, epochs }: DemoDataset, datasetId: string) {
  const weightsFile = path.join(context.outDir, `${name}.safetensors`);
  const receiptFile = path.join(context.outDir, `${name}.receipt.json`);
  const modelDir = path.join(context.outDir, `${name}.model`);
  const args = trainArgs(datasetId, epochs, weightsFile, receiptFile, modelDir);
  const { orderId } = trainedJson.parse(await mustRun(args, as(context, 'buyer')));
  return { jobId: orderId, weightsFile, receiptFile, modelDir };
}

export function trainArgs(datasetId: string, epochs: number, out: string, receipt: string, modelDir: string): string[] {
  return [
    ...['train', '--dataset', datasetId, '--recipe', 'mlp', '--epochs', String(epochs), '--purpose', 'research'],
    ...['--out', out, '--receipt', receipt, '--save-model', modelDir],
  ];
}

export async function verify(context: StoryContext, receiptFile: string, extra: string[]): Promise<unknown> {
  const trust = path.join(context.outDir, 'trust.json');
  await mustRun(['trust', '--out', trust], as(context, 'buyer'));
  return mustRun(['verify', receiptFile, '--trust', trust, ...extra], as(context, 'buyer'));
}

/** The files a person looks for under their plain names are those of the first dataset. */
export function keepPlainNames(context: StoryContext, results: readonly StoryResult[]): void {
  const [first] = results;
  if (first === undefined) return;
  copyFileSync(first.weightsFile, path.join(context.outDir, 'weights.safetensors'));
  copyFileSync(first.receiptFile, path.join(context.outDir, 'receipt.json'));
}

export function short(id: string): string {
  return `${id.slice(0, 10)}…`;
}
