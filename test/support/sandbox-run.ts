import path from 'node:path';
import { WeighbridgeError } from '../../src/kernel/index.js';
import type { BuiltModel, TrainInput } from '../../src/training/index.js';
import type { EncryptedDataset } from './encrypted-dataset.js';

/** The trainer that the set-up installed, and its source. */
export const pythonDir = path.resolve('.weighbridge/python/trainer');
export const trainerDir = path.resolve('workers/trainer/src');
export const never = new AbortController().signal;

/** A job whose key is at hand and whose pieces come from memory. */
export function inputOf(dataset: EncryptedDataset, model: BuiltModel, change: Partial<TrainInput> = {}): TrainInput {
  return {
    manifest: dataset.manifest,
    declaration: model.declaration,
    graph: model.graph,
    weights: model.weights,
    tokenizers: [],
    openKey: async () => Uint8Array.from(dataset.dataKey),
    pieces: dataset.pieces.map((piece) => () => inSteps(piece)),
    timeoutMs: 240_000,
    onProgress: () => undefined,
    ...change,
  };
}

/** Borders of network reads fall anywhere. */
export async function* inSteps(bytes: Uint8Array, step = 7_001): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += step) yield bytes.subarray(at, at + step);
}

/** Code and reason that a run ended with. */
export async function failure(promise: Promise<unknown>): Promise<unknown> {
  const error = await promise.then(
    () => 'it trained',
    (error: unknown) => error,
  );
  return error instanceof WeighbridgeError ? { code: error.code, reason: error.details['reason'] } : error;
}
