import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { canonicalJson, concatBytes, utf8, WeighbridgeError } from '../../src/kernel/index.js';
import { heldOutOf } from '../../src/training/models.js';
import type { ModelDeclaration } from '../../src/training/index.js';

/** What the trainer says of a model without a row (workers/trainer/src/weighbridge_trainer/check.py). */
const estimateSchema = z.discriminatedUnion('admitted', [
  z.strictObject({
    admitted: z.literal(true),
    /** Operators that run for a row, after constants were folded. */
    calls: z.number(),
    /** Numbers that a row makes on its way. */
    rowNumbers: z.number(),
    /** Forward and backward. */
    flopsPerRow: z.number(),
    /** Rows, weights, optimiser and a micro-batch; without the interpreter's own. */
    memoryBytes: z.number(),
    compileSeconds: z.number(),
    /** Optimiser steps of the whole run. */
    steps: z.number(),
    microBatchRows: z.number(),
  }),
  z.strictObject({ admitted: z.literal(false), reason: z.string(), detail: z.string() }),
]);
export type TrainerEstimate = z.infer<typeof estimateSchema>;

const TIMEOUT_MS = 180_000;
const MAX_ANSWER_BYTES = 1 << 20;

/**
 * Lowers, budgets and compiles the buyer's own model on the buyer's own machine, as a worker would before it asks for a key.
 * Outside any box: nobody else's file is opened.
 * @returns undefined where the trainer's Python environment is not installed
 * @throws WeighbridgeError TRAINER_FAILED, TIMEOUT
 */
export async function estimateModel(
  root: string,
  model: { declaration: ModelDeclaration; graph: Uint8Array; weights: Uint8Array },
  rowCount: number,
): Promise<TrainerEstimate | undefined> {
  const python = path.join(root, '.weighbridge/python/trainer/bin/python');
  const source = path.join(root, 'workers/trainer/src');
  if (!existsSync(python) || !existsSync(source)) return undefined;
  // Rows that are held out change nothing of what is estimated; a declaration that buys a metric asks that there are some.
  const heldOut = heldOutOf([{ rowCount, holdout: true }], model.declaration.privacy);
  const config = {
    declaration: model.declaration,
    pieces: 1,
    rows: rowCount,
    ...(heldOut === undefined ? {} : { heldOut }),
  };
  const frames = concatBytes(
    frame('C', utf8(canonicalJson(config))),
    frame('G', model.graph),
    frame('W', model.weights),
  );
  const answer = await ask(python, source, frames);
  const parsed = estimateSchema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw failed('its answer has another shape than expected', parsed.error);
}

/** `u32` length, one letter, body (workers/trainer/README.md). */
function frame(kind: string, body: Uint8Array): Uint8Array {
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(0, body.length);
  head.set(utf8(kind), 4);
  return concatBytes(head, body);
}

async function ask(python: string, source: string, input: Uint8Array): Promise<unknown> {
  const { PATH, HOME, TMPDIR } = process.env;
  const env = { PATH, HOME, TMPDIR, PYTHONPATH: source, PYTHONDONTWRITEBYTECODE: '1', JAX_PLATFORMS: 'cpu' };
  const child = spawn(python, ['-m', 'weighbridge_trainer.check'], {
    env,
    stdio: ['pipe', 'pipe', 'ignore'],
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  // A child that ends early closes the pipe: its exit says what happened.
  child.stdin.on('error', () => undefined).end(input);
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
    if (text.length > MAX_ANSWER_BYTES) child.kill('SIGKILL');
  });
  const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject).once('close', (...ended) => resolve(ended));
  });
  if (signal === 'SIGKILL') throw failed('it was too slow or said too much');
  if (code !== 0) throw failed(`it ended with ${code ?? signal ?? 'nothing'}`);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw failed('its answer is not JSON', error);
  }
}

function failed(what: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('TRAINER_FAILED', `the trainer could not look at the model: ${what}`, {
    next: 'Run "npm run setup", then the same command again.',
    cause,
  });
}
