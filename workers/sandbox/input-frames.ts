import type { Writable } from 'node:stream';
import type { Manifest } from '../../src/catalog/manifest.js';
import { canonicalJson, fromHex, utf8 } from '../../src/kernel/index.js';
import { framesOf, type SplitPiece } from '../../src/storage/index.js';
import { heldOutOf, type TrainInput } from '../../src/training/index.js';
import { piecesOf, type PieceItem } from './piece-source.js';

/** Kinds of frame that go in, in this order; workers/trainer/README.md is the specification. */
type Kind = 'L' | 'Z' | 'C' | 'G' | 'W' | 'T' | 'K' | 'S' | 'H' | 'A' | 'D' | 'X';

/** The box has ended, or reads no further. Its answer says why. */
export class PipeClosedError extends Error {
  constructor(options: ErrorOptions) {
    super('the box reads no further', options);
  }
}

/** What a job may take of the processor, s: all of it, and what of it may go by before the model is compiled. */
interface JobLimits {
  cpuSeconds: number;
  prepareSeconds: number;
  /** What rows may take in memory; more of them go to the spool. */
  rowsBytes: number;
}

const FRAME_HEAD_BYTES = 5;
const MAX_CPU_SECONDS = 2 ** 31 - 1;
const KEY_BYTES = 32;

/**
 * Writes one job into a box: model, key, then the ciphertext of each piece, frame by frame, never more of it in memory than
 * a frame. The box prepares the model while the key is asked for. Each write waits until the pipe has taken it, which is
 * the back-pressure, and what makes it safe to overwrite the data key right after.
 * @throws the fault of the key's or a piece's source as it is; PipeClosedError if the box has ended
 */
export async function writeJob(
  stdin: Writable,
  input: TrainInput,
  limits: JobLimits,
  signal: AbortSignal,
): Promise<void> {
  const { manifest, declaration, graph, weights, tokenizers, pieces } = input;
  // Each write reports its own fault; without a listener the stream's would end the process.
  stdin.on('error', () => undefined);
  // The box limits itself before it reads on.
  await writeFrame(stdin, 'L', limitsOf(limits, input));
  const heldOut = heldOutOf(manifest.pieces, declaration.privacy);
  const trains = pieces.length - (heldOut?.pieces ?? 0);
  const config = {
    declaration,
    pieces: trains,
    rows: manifest.rowCount,
    ...(heldOut === undefined ? {} : { heldOut }),
  };
  await writeFrame(stdin, 'C', utf8(canonicalJson(config)));
  await writeFrame(stdin, 'G', graph);
  await writeFrame(stdin, 'W', weights);
  for (const tokenizer of tokenizers) await writeFrame(stdin, 'T', tokenizer);
  const versionKey = await input.openKey(signal);
  const sources = piecesOf(input, versionKey);
  await writeSecret(stdin, 'K', versionKey);
  if (input.seed !== undefined) await writeSecret(stdin, 'S', input.seed);
  const begin = input.checkpoints?.begin;
  if (begin !== undefined) {
    await writeFrame(stdin, 'Z', begin);
    begin.fill(0);
  }
  for (const [number, source] of sources.entries()) await writePiece(stdin, manifest, number, source(signal));
  await writeFrame(stdin, 'X', new Uint8Array(0));
  stdin.end();
}

async function writeSecret(stdin: Writable, kind: 'K' | 'S', secret: Uint8Array): Promise<void> {
  const frame = new Uint8Array(FRAME_HEAD_BYTES + KEY_BYTES);
  frame.set(frameHead(kind, KEY_BYTES));
  frame.set(secret, FRAME_HEAD_BYTES);
  try {
    await write(stdin, frame);
  } finally {
    frame.fill(0);
    secret.fill(0);
  }
}

async function writePiece(
  stdin: Writable,
  manifest: Manifest,
  number: number,
  source: AsyncIterable<PieceItem>,
): Promise<void> {
  let last = 0;
  for await (const item of source) {
    if ('header' in item) {
      last = item.chosen?.at(-1) ?? framesOf(item.header) - 1;
      await writeHead(stdin, manifest, number, item);
    } else await writeFrame(stdin, 'D', Uint8Array.of(item.index === last ? 1 : 0), item.bytes);
  }
}

async function writeHead(
  stdin: Writable,
  { keyId, datasetId, pieces }: Manifest,
  number: number,
  { headerBytes, chosen }: SplitPiece,
): Promise<void> {
  const { shardId = '', wrappedKey = '' } = pieces[number] ?? {};
  // Place, and shards of the version, read or not.
  const place = u32s([number, pieces.length]);
  // What the manifest says, and what the piece says of itself: the box compares them and derives the rest.
  const said = [keyId, datasetId, shardId].map(fromHex);
  await writeFrame(stdin, 'H', ...said, place, fromHex(wrappedKey), headerBytes);
  if (chosen !== undefined) await writeFrame(stdin, 'A', u32s(chosen));
}

function u32s(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, i) => view.setUint32(4 * i, number));
  return bytes;
}

async function writeFrame(stdin: Writable, kind: Kind, ...body: Uint8Array[]): Promise<void> {
  const length = body.reduce((sum, part) => sum + part.length, 0);
  stdin.cork();
  const written = [frameHead(kind, length), ...body].map((part) => write(stdin, part));
  stdin.uncork();
  await Promise.all(written);
}

/** CPU seconds, those of them for the model, milliseconds between two checkpoints (0: none), whether one follows; bytes of rows. */
function limitsOf({ cpuSeconds, prepareSeconds, rowsBytes }: JobLimits, { checkpoints }: TrainInput): Uint8Array {
  const bytes = new Uint8Array(21);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.min(Math.ceil(cpuSeconds), MAX_CPU_SECONDS));
  view.setUint32(4, prepareSeconds);
  view.setUint32(8, checkpoints?.everyMs ?? 0);
  view.setUint8(12, checkpoints?.begin === undefined ? 0 : 1);
  view.setBigUint64(13, BigInt(rowsBytes));
  return bytes;
}

function frameHead(kind: Kind, length: number): Uint8Array {
  const head = new Uint8Array(FRAME_HEAD_BYTES);
  new DataView(head.buffer).setUint32(0, length);
  head.set(utf8(kind), 4);
  return head;
}

async function write(stdin: Writable, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    stdin.write(bytes, (error) => (error ? reject(new PipeClosedError({ cause: error })) : resolve()));
  });
}
