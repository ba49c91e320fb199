import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Manifest } from '../../catalog/manifest.js';
import { WeighbridgeError } from '../../kernel/index.js';
import { declarationSchema, type ModelDeclaration } from '../../training/model-declaration.js';
import { writeFileAtomic } from '../state/atomic-file.js';
import { firstIssue } from '../state/network-file.js';

/** The three files of a model. */
export interface Model {
  declaration: ModelDeclaration;
  graph: Uint8Array;
  weights: Uint8Array;
  /** Columns that a recipe left out, because the seller declares nothing public of them. */
  skippedColumns: string[];
}

/** The part of `train`'s options that makes the model. */
export interface ModelOptions {
  recipe?: 'mlp' | 'cnn';
  label?: string;
  epochs?: number;
  batchRows?: number;
  learningRate?: number;
  seed?: number;
  declaration?: string;
  graph?: string;
  weights?: string;
}

/**
 * Makes the model from a recipe, or reads the buyer's own, and holds it against the dataset's schema: here, before any
 * payment.
 * @throws WeighbridgeError BAD_INPUT, MODEL_REJECTED, MODEL_DOES_NOT_FIT
 */
export async function makeModel(options: ModelOptions, manifest: Manifest): Promise<Model> {
  const model = await buildOrRead(options, manifest);
  const { checkFit } = await import('../../training/models.js');
  checkFit(manifest, model.declaration, model.graph, model.weights);
  return model;
}

async function buildOrRead(options: ModelOptions, manifest: Manifest): Promise<Model> {
  const { declaration, graph, weights, recipe, label, epochs, batchRows, learningRate, seed } = options;
  const recipeOptions = { label, epochs, batchRows, learningRate, seed };
  const files = [declaration, graph, weights].filter((file) => file !== undefined).length;
  if (recipe !== undefined && files === 0) {
    const { buildRecipe } = await import('../../training/models.js');
    return buildRecipe(recipe, { manifest, ...given(recipeOptions) });
  }
  if (recipe === undefined && declaration !== undefined && graph !== undefined && weights !== undefined) {
    assertNoRecipeOptions(recipeOptions);
    const [job, graphBytes, weightBytes] = await Promise.all([declaration, graph, weights].map(readBytes));
    return {
      declaration: parseDeclaration(declaration, job),
      graph: present(graphBytes),
      weights: present(weightBytes),
      skippedColumns: [],
    };
  }
  throw new WeighbridgeError('BAD_INPUT', 'it is not clear which model to train', {
    next: 'Give --recipe mlp (or cnn), or all three of --declaration, --graph and --weights.',
  });
}

/** Writes the model as it was submitted, for those who want to look at it or evaluate it elsewhere. */
export async function saveModel(dir: string, { declaration, graph, weights }: Model): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFileAtomic(path.join(dir, 'job.json'), `${JSON.stringify(declaration, null, 2)}\n`, 0o644);
  await writeFileAtomic(path.join(dir, 'graph.onnx'), graph, 0o644);
  await writeFileAtomic(path.join(dir, 'initial.safetensors'), weights, 0o644);
}

function parseDeclaration(file: string, bytes: Uint8Array | undefined): ModelDeclaration {
  const next = 'Write the declaration by the model format, or begin with one that --save-model wrote.';
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new WeighbridgeError('MODEL_REJECTED', `${file} is not JSON`, { next, cause: error });
  }
  const parsed = declarationSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new WeighbridgeError('MODEL_REJECTED', `${file}: ${firstIssue(parsed.error)}`, { next });
}

async function readBytes(file: string): Promise<Uint8Array> {
  return readFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new WeighbridgeError('BAD_INPUT', `${file} cannot be read (${error.code ?? error.message})`, {
      next: 'Check the path and its permissions.',
      cause: error,
    });
  });
}

function assertNoRecipeOptions(options: Record<string, unknown>): void {
  const [first] = Object.keys(given(options));
  if (first === undefined) return;
  throw new WeighbridgeError(
    'BAD_INPUT',
    `--${first.replaceAll(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)} belongs to a recipe`,
    {
      next: 'Leave it out and set it in the declaration.',
    },
  );
}

/** Without what was not said, so that a recipe's own defaults hold. */
function given<T extends Record<string, unknown>>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function present(bytes: Uint8Array | undefined): Uint8Array {
  return bytes ?? new Uint8Array();
}
