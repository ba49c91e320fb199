import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { Manifest, Terms } from '../../catalog/manifest.js';
import { firstIssue, sha256Hex, WeighbridgeError } from '../../kernel/index.js';
import {
  declarationSchema,
  featureChoiceSchema,
  type FeatureChoice,
  type ModelDeclaration,
} from '../../training/model-declaration.js';
import type { JobChoices, RecipeName, WantedPrivacy } from '../../training/models.js';
import { writeFileAtomic } from '../state/atomic-file.js';
import { optionName } from '../ui/text.js';
import { readBytes } from '../verify/read-files.js';
import { wantedMetric, type MetricOptions } from './metric.js';
import { tokenizerMissing } from './tokenizer-missing.js';
import type { GivenTokenizers } from './tokenizers.js';

/** SHA-256, as declarations name files. */
const DIGEST = /^[0-9a-f]{64}$/;

/** The three files of a model. */
export interface Model {
  declaration: ModelDeclaration;
  graph: Uint8Array;
  weights: Uint8Array;
  /** `tokenizer.json` files that its features name. */
  tokenizers: Uint8Array[];
  /** Columns that a recipe left out, because the seller declares nothing public of them. */
  skippedColumns: string[];
}

/** The part of `train`'s options that makes the model. */
export interface ModelOptions extends Omit<JobChoices, 'features'>, MetricOptions {
  recipe?: RecipeName;
  /** A `.wbm`. */
  model?: string;
  /** A JSON file. */
  features?: string;
  /** `tokenizer.json` files, which features name by their file names or digests. */
  tokenizer?: string[];
  epsilon?: number;
  clippingNorm?: number;
  /** What mean and deviation of the columns may cost. */
  standardiseEpsilon?: number;
  /** A column whose values are protected whole. */
  privacyUnit?: string;
  unitRows?: number;
  declaration?: string;
  graph?: string;
  weights?: string;
}

/**
 * Makes the model from a recipe, or reads the buyer's own, and holds it against the dataset's schema: here, before any
 * payment. `terms` decide on privacy, where a run is meant.
 * @throws WeighbridgeError BAD_INPUT, MODEL_REJECTED, MODEL_DOES_NOT_FIT
 */
export async function makeModel(options: ModelOptions, manifest: Manifest, terms?: Terms): Promise<Model> {
  const { readTokenizers, tokenizersFor } = await import('./tokenizers.js');
  const given = await readTokenizers(options.tokenizer ?? []);
  const { carried = [], ...parts } = await buildOrRead(options, manifest, given);
  const built = { ...parts, tokenizers: tokenizersFor(parts.declaration, given, carried) };
  const { checkFit } = await import('../../training/models.js');
  const model =
    terms === undefined ? await asScaled(built, options) : await underTerms(built, options, manifest, terms);
  checkFit(manifest, model.declaration, model.graph, model.weights, model.tokenizers);
  return model;
}

/** With the noise that `--epsilon` takes, and as the seller's terms take it. @throws WeighbridgeError PRIVACY_REFUSED */
async function underTerms(
  built: Model,
  options: ModelOptions,
  { rowCount }: Manifest,
  { privacy }: Terms,
): Promise<Model> {
  const { checkPrivacyTerms, withPrivacy } = await import('../../training/models.js');
  const wanted = wantedPrivacy(options);
  const declaration =
    wanted === undefined ? built.declaration : withPrivacy(built.declaration, rowCount, privacy, wanted);
  checkPrivacyTerms(declaration, privacy);
  return { ...built, declaration };
}

/** Where no run is meant: which constants a column is scaled by changes nothing of what a model is. */
async function asScaled(built: Model, { standardiseEpsilon }: ModelOptions): Promise<Model> {
  if (standardiseEpsilon === undefined) return built;
  const { scaledInstead } = await import('../../training/models.js');
  return { ...built, declaration: scaledInstead(built.declaration) };
}

function wantedPrivacy(options: ModelOptions): WantedPrivacy | undefined {
  const { epsilon, clippingNorm, privacyUnit, unitRows, standardiseEpsilon } = options;
  const metric = wantedMetric(options);
  if (epsilon !== undefined)
    return { epsilon, clippingNorm, unitColumn: privacyUnit, unitRows, metric, standardiseEpsilon };
  const only = [
    'clippingNorm',
    'privacyUnit',
    'unitRows',
    'metric',
    'metricEpsilon',
    'metricBound',
    'standardiseEpsilon',
  ];
  refuseOptions(options, only, 'goes with --epsilon');
  return undefined;
}

interface Parts extends Omit<Model, 'tokenizers'> {
  /** Tokenizers that a model file has in it. */
  carried?: Uint8Array[];
}

async function buildOrRead(options: ModelOptions, manifest: Manifest, tokenizers: GivenTokenizers): Promise<Parts> {
  const { recipe, model, declaration, graph, weights } = options;
  const given = [recipe, model, declaration ?? graph ?? weights].filter((one) => one !== undefined).length;
  if (given === 1) {
    if (recipe !== undefined) return fromRecipe(recipe, options, manifest);
    if (model !== undefined) return fromModelFile(model, options, manifest, tokenizers);
    if (declaration !== undefined && graph !== undefined && weights !== undefined) {
      return fromFiles([declaration, graph, weights], options);
    }
  }
  throw new WeighbridgeError('BAD_INPUT', 'it is not clear which model to train', {
    next: 'Give --recipe mlp (or another), or --model model.wbm, or all three of --declaration, --graph and --weights.',
  });
}

async function fromRecipe(recipe: RecipeName, options: ModelOptions, manifest: Manifest): Promise<Parts> {
  refuseOptions(options, ['features', 'loss', 'optimiser', 'return'], 'belongs to --model');
  const { label, epochs, batchRows, learningRate, seed } = options;
  const { buildRecipe } = await import('../../training/models.js');
  return buildRecipe(recipe, { manifest, ...said({ label, epochs, batchRows, learningRate, seed }) });
}

async function fromModelFile(
  file: string,
  options: ModelOptions,
  manifest: Manifest,
  tokenizers: GivenTokenizers,
): Promise<Parts> {
  const { completeTemplate, readModelFile } = await import('../../training/models.js');
  const { template, graph, weights, tokenizers: carried } = readModelFile(await readBytes(file));
  const { label, loss, optimiser, learningRate, epochs, batchRows, seed, features } = options;
  const choices = {
    ...said({ label, loss, optimiser, learningRate, epochs, batchRows, seed, return: options.return }),
    ...(features === undefined ? {} : { features: await readFeatures(features, tokenizers) }),
  };
  return { declaration: completeTemplate(template, manifest, choices), graph, weights, carried, skippedColumns: [] };
}

async function fromFiles(files: [string, string, string], options: ModelOptions): Promise<Parts> {
  const jobOptions = [
    'features',
    'label',
    'loss',
    'optimiser',
    'learningRate',
    'epochs',
    'batchRows',
    'seed',
    'return',
  ];
  refuseOptions(options, jobOptions, 'belongs to a recipe or a .wbm; the declaration says it');
  const [job, graph, weights] = await Promise.all([readBytes(files[0]), readBytes(files[1]), readBytes(files[2])]);
  return { declaration: parseDeclaration(files[0], job), graph, weights, skippedColumns: [] };
}

/** Writes the model as it was submitted, for those who want to look at it or evaluate it elsewhere. */
export async function saveModel(dir: string, { declaration, graph, weights, tokenizers }: Model): Promise<void> {
  await mkdir(dir, { recursive: true });
  await writeFileAtomic(path.join(dir, 'job.json'), `${JSON.stringify(declaration, null, 2)}\n`, 0o644);
  await writeFileAtomic(path.join(dir, 'graph.onnx'), graph, 0o644);
  await writeFileAtomic(path.join(dir, 'initial.safetensors'), weights, 0o644);
  for (const tokenizer of tokenizers) {
    await writeFileAtomic(path.join(dir, `tokenizer-${sha256Hex(tokenizer).slice(0, 12)}.json`), tokenizer, 0o644);
  }
}

function parseDeclaration(file: string, bytes: Uint8Array): ModelDeclaration {
  const refuse = (what: string, cause?: unknown) =>
    new WeighbridgeError('MODEL_REJECTED', what, {
      next: 'Write the declaration by the model format, or begin with one that --save-model wrote.',
      cause,
    });
  const parsed = declarationSchema.safeParse(parseJson(bytes, (cause) => refuse(`${file} is not JSON`, cause)));
  if (parsed.success) return parsed.data;
  throw refuse(`${file}: ${firstIssue(parsed.error)}`);
}

/** @throws WeighbridgeError BAD_INPUT */
export async function readFeatures(file: string, { byName }: GivenTokenizers): Promise<FeatureChoice> {
  const refuse = (what: string, cause?: unknown) =>
    new WeighbridgeError('BAD_INPUT', what, {
      next: 'Write a list of column names or features, or {"<input>": [...]} for a model of several inputs.',
      cause,
    });
  const missing: string[] = [];
  // A tokenizer by the name of its file: its digest is what the declaration says.
  const named = (key: string, one: unknown) => {
    if (key !== 'tokenizer' || typeof one !== 'string' || DIGEST.test(one)) return one;
    const digest = byName.get(one);
    if (digest === undefined) missing.push(one);
    return digest ?? one;
  };
  const value = parseJson(await readBytes(file), (cause) => refuse(`${file} is not JSON`, cause), named);
  if (missing[0] !== undefined) throw tokenizerMissing(missing[0], `Give --tokenizer ${missing[0]}.`);
  const parsed = featureChoiceSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw refuse(`${file}: ${firstIssue(parsed.error)}`);
}

function refuseOptions(options: ModelOptions, names: readonly string[], why: string): void {
  const first = Object.keys(said({ ...options })).find((name) => names.includes(name));
  if (first === undefined) return;
  throw new WeighbridgeError('BAD_INPUT', `${optionName(first)} ${why}`, { next: 'Leave it out.' });
}

/** Without what was not said, so that the defaults of recipe and model file hold. */
function said<T extends Record<string, unknown>>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

/** @throws WeighbridgeError of the given kind */
function parseJson(
  bytes: Uint8Array,
  refuse: (cause: unknown) => WeighbridgeError,
  reviver?: (key: string, value: unknown) => unknown,
): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes), reviver);
  } catch (error) {
    throw refuse(error);
  }
}
