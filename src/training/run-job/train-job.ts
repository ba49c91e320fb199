import { Encrypter } from 'age-encryption';
import { heldOutRows, type Manifest } from '../../catalog/manifest.js';
import { sha256Hex } from '../../kernel/index.js';
import { tokenizersOf } from '../declaration/features.js';
import { shapesOf, weigh, type Weighed } from '../gate.js';
import type { Job } from '../job.js';
import { piecesRead } from '../metric.js';
import { modelFilesOf, type ModelFacts, type ModelFiles } from '../model-files/index.js';
import { progressPacer } from '../progress/pacer.js';
import { timeLeftMeter } from '../progress/time-left.js';
import { assertConsent } from './assert-consent.js';
import { whileWanted } from './assert-wanted.js';
import { fixCompletion } from './complete-job.js';
import type { RunJobDeps } from './deps.js';
import { countedPieces } from './fetch-progress.js';
import { keptState } from './keep-state.js';
import { releaseKey } from './release-key.js';
import { modelSigningKey, privacySeed } from './worker-account.js';

/** Weighing, logging and settling come after training and before the deadline. */
const SETTLEMENT_MARGIN_MS = 60_000;

/**
 * Trains in the sandbox, which prepares the model while the key is asked for; weighs what came out, encrypts it to the
 * buyer and keeps the ciphertext. The data key and the weights in the clear live in this process's memory for that long,
 * and nowhere else.
 */
export async function trainJob(deps: RunJobDeps, job: Job): Promise<Job> {
  const { declaration } = job;
  const manifest = await deps.manifestOf(job);
  const graph = await deps.blobs.read(declaration.graph);
  const initial = await deps.blobs.read(declaration.weights);
  const startedAt = new Date();
  const output = await trainInSandbox(deps, job, manifest, graph, initial);
  await assertConsent(deps, job);
  const expected = { declaration, shapes: shapesOf(initial), initial, rowCount: manifest.rowCount };
  const weighed = weigh(output, { ...expected, heldOut: heldOutRows(manifest.pieces) });
  const ciphertext = await encryptTo(job.recipient, weighed.weights);
  weighed.weights.fill(0);
  const run = { trainer: output.trainer, startedAt, finishedAt: new Date() };
  const modelFiles = await filesOf(deps, job, manifest, weighed, run);
  const facts = { weightsDigest: weighed.sha256, ciphertextDigest: sha256Hex(ciphertext), modelFiles, ...run };
  await deps.blobs.put(facts.ciphertextDigest, ciphertext);
  return fixCompletion(deps, job, facts);
}

async function trainInSandbox(deps: RunJobDeps, job: Job, manifest: Manifest, graph: Uint8Array, weights: Uint8Array) {
  const tokenizers = await Promise.all(
    tokenizersOf(job.declaration.features).map(async (digest) => deps.blobs.read(digest)),
  );
  const state = await keptState(deps, job);
  const input = {
    manifest,
    declaration: job.declaration,
    graph,
    weights,
    tokenizers,
    openKey: async (signal: AbortSignal) => releaseKey(deps, job, manifest.wrappedKey, signal),
    ...(job.declaration.privacy === 'none' ? {} : { seed: privacySeed(deps.workerSeed, job.id) }),
    ...countedPieces(
      piecesRead(manifest.pieces, job.declaration.privacy),
      { pieces: deps.pieces, parts: deps.parts },
      fetchReporter(deps, job),
    ),
    checkpoints: state.checkpoints,
    timeoutMs: Math.max(1_000, job.deadline.getTime() - Date.now() - SETTLEMENT_MARGIN_MS),
    onProgress: progressReporter(deps),
  };
  return whileWanted(deps, job, async (signal) => deps.trainer.train(input, signal)).catch((error: unknown) => {
    throw state.afterLoss(error);
  });
}

/** Of a model that was weighed: nothing in them comes out of the sandbox but its version. */
async function filesOf(
  { network, termsOf, workerSeed }: RunJobDeps,
  job: Job,
  manifest: Manifest,
  { sha256, tensors, parameters, metric, features }: Weighed,
  run: Pick<ModelFacts, 'trainer' | 'startedAt' | 'finishedAt'>,
): Promise<ModelFiles> {
  const { id, keyId, declaration, offer } = job;
  const { termsDigest, manifestDigest } = offer;
  const about = { orderId: id, keyId, declaration, termsDigest, manifestDigest, manifest, terms: await termsOf(job) };
  const facts = {
    ...about,
    ...run,
    weightsSha256: sha256,
    tensors,
    parameters,
    metric,
    features,
    apiUrl: network.apiUrl,
  };
  return modelFilesOf(facts, modelSigningKey(workerSeed, id));
}

async function encryptTo(recipient: string, plaintext: Uint8Array): Promise<Uint8Array> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(recipient);
  return encrypter.encrypt(plaintext);
}

/** Steps stand where they stood: those of a run that goes on are not behind it before it has its rows again. */
function fetchReporter(deps: RunJobDeps, job: Job): (fetchedBytes: number, toFetchBytes: number) => void {
  const { progressStep: step, progressOf: of } = job;
  return (fetchedBytes, toFetchBytes) => {
    deps.report({ state: 'training', step, of, fetchedBytes, toFetchBytes }).catch(() => undefined);
  };
}

function progressReporter(deps: RunJobDeps): (step: number, of: number) => void {
  const timeLeft = timeLeftMeter();
  const isDue = progressPacer();
  return (step, of) => {
    if (!isDue(step, of)) return;
    // Lost progress harms nobody: the next report or the next state repairs it.
    deps.report({ state: 'training', step, of, secondsLeft: timeLeft(step, of) }).catch(() => undefined);
  };
}
