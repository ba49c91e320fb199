import type { z } from 'zod';
import { canonicalJson, sameBytes, sha256Hex, utf8 } from '../../kernel/index.js';
import { MAX_TOKENIZER_BYTES, tokenizersOf } from '../declaration/features.js';
import { MAX_GRAPH_BYTES, MAX_WEIGHTS_BYTES } from '../fit.js';
import { declarationSchema } from '../model-declaration.js';
import { modelRejected } from '../model-errors.js';
import { readZip, writeZip, ZipError, type Limits, type Member } from './zip.js';

/** Vocabularies make it large; it is never larger than that. */
const MAX_TEMPLATE_BYTES = 8 << 20;

const MEMBERS = [
  ['graph.onnx', MAX_GRAPH_BYTES],
  ['weights.safetensors', MAX_WEIGHTS_BYTES],
  ['job.json', MAX_TEMPLATE_BYTES],
] as const;

/**
 * `job.json` of a model file: the declaration as far as the model decides it. What a dataset or a run decides may stand in it
 * as the buyer's default, or be left out.
 */
export const templateSchema = declarationSchema
  .partial()
  .required({ version: true, graph: true, weights: true, trainable: true, inputs: true });
export type ModelTemplate = z.infer<typeof templateSchema>;

/** What a `.wbm` holds. */
export interface ModelFile {
  template: ModelTemplate;
  /** `graph.onnx` */
  graph: Uint8Array;
  /** `weights.safetensors` */
  weights: Uint8Array;
  /** `tokenizer.json` files that the template's features name, in the order of `tokenizersOf`. */
  tokenizers: Uint8Array[];
}

/** A model as one file. The digests of graph and weights are put into the template, whatever stood there. */
export function writeModelFile({ template, graph, weights, tokenizers }: ModelFile): Uint8Array {
  const bound = templateSchema.parse({ ...template, graph: sha256Hex(graph), weights: sha256Hex(weights) });
  return writeZip([
    { name: 'graph.onnx', bytes: graph },
    { name: 'weights.safetensors', bytes: weights },
    { name: 'job.json', bytes: templateBytes(bound) },
    ...tokenizers.map((bytes) => ({ name: nameOfTokenizer(sha256Hex(bytes)), bytes })),
  ]);
}

/**
 * Opens a model file: its container, that its parts belong together, and that its template is one. What is inside the parts is
 * for `checkFit`.
 * @throws WeighbridgeError MODEL_REJECTED
 */
export function readModelFile(file: Uint8Array): ModelFile {
  const [graph, weights, job, ...tokenizers] = members(file);
  if (graph === undefined || weights === undefined || job === undefined) throw new Error('a member is missing');
  const template = readTemplate(job);
  const digests = tokenizersIn(template);
  for (const [name, bytes, digest] of [
    ['graph.onnx', graph, template.graph],
    ['weights.safetensors', weights, template.weights],
    ...tokenizers.map((bytes, k) => ['tokenizer', bytes, digests[k]] as const),
  ] as const) {
    if (sha256Hex(bytes) !== digest) throw modelRejected(`job.json names another ${name} than the one beside it`);
  }
  return { template, graph, weights, tokenizers };
}

function members(file: Uint8Array): Uint8Array[] {
  try {
    return readZip(file, MEMBERS, tokenizerMembers).map(({ bytes }) => bytes);
  } catch (error) {
    if (error instanceof ZipError) throw modelRejected(`this is not a model file: ${error.message}`);
    throw error;
  }
}

/** Behind `job.json` stands what its features name, and nothing else: a model file is whole, and nothing rides along. */
function tokenizerMembers(first: Member[]): Limits {
  const job = first.at(-1)?.bytes ?? new Uint8Array(0);
  return tokenizersIn(readTemplate(job)).map((digest) => [nameOfTokenizer(digest), MAX_TOKENIZER_BYTES]);
}

function tokenizersIn({ features }: ModelTemplate): string[] {
  return tokenizersOf(features ?? {});
}

function nameOfTokenizer(digest: string): string {
  return `tokenizer-${digest}.json`;
}

/** Canonical bytes only: JSON has many spellings, and two of a key are two declarations. */
function readTemplate(bytes: Uint8Array): ModelTemplate {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw modelRejected('job.json is not JSON');
  }
  const parsed = templateSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw modelRejected(`job.json: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'it does not fit the schema'}`);
  }
  if (!sameBytes(bytes, templateBytes(parsed.data)))
    throw modelRejected('job.json is not in canonical form (RFC 8785)');
  return parsed.data;
}

function templateBytes(template: ModelTemplate): Uint8Array {
  return utf8(`${canonicalJson(template)}\n`);
}
