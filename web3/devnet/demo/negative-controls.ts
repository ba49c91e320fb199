import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { z } from 'zod';
import { manifestSchema } from '../../../src/catalog/manifest.js';
import { isWeighbridgeError } from '../../../src/kernel/index.js';
import { createKeyVault } from '../../lit/key-vault.js';
import { PROVIDERS } from '../layout.js';
import { startWorker } from '../roles.js';
import { weighbridge } from './cli.js';
import { as, DATASETS, trainArgs, type StoryContext, type StoryResult } from './story.js';

/** One attack, and whether it was refused the way it must be. */
export interface Control {
  name: string;
  refused: boolean;
  /** What the system answered, in its own words. */
  answer: string;
}

/** Four attacks, each of which must be refused. */
export async function negativeControls(context: StoryContext, results: readonly StoryResult[]): Promise<Control[]> {
  const [first] = results;
  if (first === undefined) throw new Error('there is no result to attack');
  const { timeline } = context;
  timeline.title('Four attacks, each of which must be refused');
  const controls: Control[] = [];
  for (const [name, attack] of [
    ['a worker without an access record asks for the key', keyWithoutRecord],
    ['one byte of a stored piece is flipped', flippedPiece],
    ['a trainer smuggles out an extra tensor', smuggledTensor],
    ['one character of the receipt is changed', changedReceipt],
  ] as const) {
    const outcome = await timeline.step(
      `attack: ${name}`,
      () => attack(context, first),
      ({ answer }) => answer,
    );
    controls.push({ name, ...outcome });
    if (!outcome.refused) timeline.title(`NOT REFUSED: ${name}`);
  }
  return controls;
}

type Outcome = Omit<Control, 'name'>;

/** Asks the key nodes as an account that no order was recorded for. */
async function keyWithoutRecord({ devnet }: StoryContext, { datasetId }: StoryResult): Promise<Outcome> {
  const manifest = manifestSchema.parse(await datasetManifest(devnet.network.apiUrl, datasetId));
  const vault = createKeyVault({ network: devnet.network });
  try {
    await vault.unwrap(manifest.wrappedKey, privateKeyToAccount(generatePrivateKey()));
    return { refused: false, answer: 'the key was released' };
  } catch (error) {
    const code = isWeighbridgeError(error) ? error.code : 'INTERNAL';
    return { refused: code === 'KEY_DENIED', answer: code };
  } finally {
    await vault.close();
  }
}

/** Flips one byte of both copies, on the disks of their providers, trains, and puts the bytes back. */
async function flippedPiece(context: StoryContext, { datasetId }: StoryResult): Promise<Outcome> {
  const manifest = manifestSchema.parse(await datasetManifest(context.devnet.network.apiUrl, datasetId));
  const { dir } = context.devnet.layout;
  const files = PROVIDERS.flatMap((name) => pieceFiles(path.join(dir, name), manifest.pieces[0]?.pieceCid ?? ''));
  const originals = files.map((file) => readFileSync(file));
  for (const [i, file] of files.entries()) {
    const flipped = Buffer.from(originals[i] ?? '');
    const middle = Math.floor(flipped.length / 2);
    flipped[middle] = (flipped[middle] ?? 0) ^ 1;
    writeFileSync(file, flipped);
  }
  try {
    return await refusedTraining(context, datasetId, 'data-corrupt');
  } finally {
    for (const [i, file] of files.entries()) writeFileSync(file, originals[i] ?? '');
  }
}

/** Restarts the worker with a trainer that adds a tensor to its output: test code, which no product path can choose. */
async function smuggledTensor(context: StoryContext, { datasetId }: StoryResult): Promise<Outcome> {
  const { devnet, root } = context;
  await devnet.roles.worker.stop();
  const hostile = await smugglingTrainer(root, path.join(context.outDir, 'smuggling-trainer'));
  devnet.roles.worker = await startWorker({ ...devnet.context, env: { ...devnet.context.env, TRAINER_DIR: hostile } });
  try {
    return await refusedTraining(context, datasetId, 'gate-refused');
  } finally {
    await devnet.roles.worker.stop();
    devnet.roles.worker = await startWorker(devnet.context);
  }
}

/** Made by the tests' own script, from the real trainer: it is not compiled, and no product code knows it. */
async function smugglingTrainer(root: string, directory: string): Promise<string> {
  const script = pathToFileURL(path.join(root, 'test/support/smuggling-trainer/make.mjs')).href;
  const { makeSmugglingTrainer } = (await import(script)) as { makeSmugglingTrainer(dir: string): Promise<string> };
  return makeSmugglingTrainer(directory);
}

/** A job that must end refused for `reason`, with the buyer's money back. */
async function refusedTraining(context: StoryContext, datasetId: string, reason: string): Promise<Outcome> {
  const { outDir } = context;
  const epochs = DATASETS[0]?.epochs ?? 1;
  const args = trainArgs(
    datasetId,
    epochs,
    path.join(outDir, 'refused.safetensors'),
    path.join(outDir, 'refused.json'),
    path.join(outDir, 'refused.model'),
  );
  const result = await weighbridge(args, as(context, 'buyer'));
  const job = refusedJson.safeParse(result.json);
  if (!job.success) return { refused: false, answer: result.stderr.trim().slice(-200) };
  const { details } = job.data.error;
  const refused = result.code === 1 && details.reason === reason && details.refundTransaction !== null;
  return { refused, answer: `${details.reason}, money back in ${details.refundTransaction?.slice(0, 10)}…` };
}

const refusedJson = z.object({
  error: z.object({
    code: z.literal('JOB_STATE'),
    details: z.object({ reason: z.string(), refundTransaction: z.string().nullable() }),
  }),
});

/** Changes one character in the middle of the receipt and verifies it, offline. */
async function changedReceipt(context: StoryContext, { receiptFile }: StoryResult): Promise<Outcome> {
  const text = readFileSync(receiptFile, 'utf8');
  const at = Math.floor(text.length / 2);
  const forged = path.join(context.outDir, 'forged.receipt.json');
  writeFileSync(forged, `${text.slice(0, at)}${text[at] === '0' ? '1' : '0'}${text.slice(at + 1)}`);
  const trust = path.join(context.outDir, 'trust.json');
  const result = await weighbridge(['verify', forged, '--trust', trust], as(context, 'buyer'));
  const failed = failedChecks.safeParse(result.json);
  const names = failed.success ? failed.data.checks.filter((check) => !check.ok).map((check) => check.name) : [];
  return {
    refused: result.code === 1 && names.length > 0,
    answer: `exit ${result.code}: ${names.slice(0, 2).join(', ')}`,
  };
}

const failedChecks = z.object({ checks: z.array(z.object({ name: z.string(), ok: z.boolean() })) });

async function datasetManifest(apiUrl: string, id: string): Promise<unknown> {
  const query = 'query($id: String!) { dataset(id: $id) { manifest } }';
  const response = await fetch(`${apiUrl}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables: { id } }),
    signal: AbortSignal.timeout(10_000),
  });
  const body = (await response.json()) as { data?: { dataset?: { manifest?: unknown } } };
  return body.data?.dataset?.manifest;
}

/** A provider names files by their piece CID; the one that is spare has none. */
function pieceFiles(dir: string, pieceCid: string): string[] {
  const file = path.join(dir, 'pieces', pieceCid);
  return existsSync(file) ? [file] : [];
}
