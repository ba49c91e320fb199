import type { RefusalReason } from '../../src/provenance/index.js';
import { protocolBroken } from './errors.js';

/** What a box answers with: weights, a metric and moments if they were bought, and the two public numbers; or one reason. */
export type Answer =
  | {
      kind: 'result';
      weights: Uint8Array;
      metric?: { total: bigint; units: bigint };
      moments?: bigint[];
      numbers: { epochs: number; rows: number };
    }
  | { kind: 'refusal'; reason: RefusalReason };

export interface Expectation {
  /** Cap of the `R` frame, bytes. */
  maxResultBytes: number;
  /** Optimiser steps of the whole run: public, so a `P` frame can say nothing else. */
  totalSteps: number;
  /** Whole numbers of the `F` frame: as many as the run pays for; 0 where it pays for none, and then none is taken. */
  moments: number;
  onProgress(step: number, of: number): void;
  /** Undefined where no `Z` frame was asked for; then none is taken. */
  checkpoints?: { maxBytes: number; keep(state: Uint8Array, step: number): Promise<void> };
}

/** The stream ended before an answer: how the process ended says why. */
export class SilentEndError extends Error {}

const FRAME_HEAD_BYTES = 5;
const PROGRESS_BYTES = 8;
const STEP_BYTES = 4;
const NUMBERS_BYTES = 12;
const METRIC_BYTES = 16;
const WHOLE_BYTES = 8;
/** Codes of the `E` frame. */
const REASONS: readonly RefusalReason[] = [
  'model-rejected',
  'data-corrupt',
  'data-does-not-fit',
  'out-of-memory',
  'trainer-failed',
  'rows-mix',
  'model-too-large',
];

/** Reads `I`: the box has everything but a job. @throws WeighbridgeError TRAINER_FAILED; SilentEndError */
export async function readIdle(reader: FrameReader): Promise<void> {
  const { kind } = await reader.next();
  if (kind !== 'I') throw protocolBroken('idle');
}

/**
 * Reads `(P | Z)* (R F? M? N | E)` and the end of the stream. The writer is taken for hostile: order, sizes and values outside the
 * closed set end the run, and what was read is dropped.
 * @throws WeighbridgeError TRAINER_FAILED; SilentEndError
 */
export async function readAnswer(reader: FrameReader, expected: Expectation): Promise<Answer> {
  reader.allow({
    R: expected.maxResultBytes,
    Z: expected.checkpoints?.maxBytes ?? 0,
    F: expected.moments * WHOLE_BYTES,
  });
  let [reached, kept] = [0, 0];
  let frame = await reader.next();
  while (frame.kind === 'P' || frame.kind === 'Z') {
    if (frame.kind === 'P') reached = readProgress(frame.body, reached, expected);
    else kept = await readCheckpoint(frame.body, kept, expected);
    frame = await reader.next();
  }
  const answer = frame.kind === 'R' ? await readResult(frame.body, reader) : readRefusal(frame);
  await reader.end();
  return answer;
}

function readProgress(body: Buffer, reached: number, { totalSteps, onProgress }: Expectation): number {
  const step = body.readUInt32BE(0);
  // Steps only rise: a trainer cannot draw letters with them.
  if (body.readUInt32BE(4) !== totalSteps || step > totalSteps || step <= reached) throw protocolBroken('progress');
  onProgress(step, totalSteps);
  return step;
}

/** For this worker alone: it leaves sealed, if at all, and comes back to this job alone. The box waits until it is kept. */
async function readCheckpoint(state: Buffer, kept: number, { totalSteps, checkpoints }: Expectation): Promise<number> {
  const step = state.length < STEP_BYTES ? 0 : state.readUInt32BE(0);
  if (step > totalSteps || step <= kept) throw protocolBroken('checkpoint');
  await checkpoints?.keep(state, step);
  state.fill(0);
  return step;
}

async function readResult(weights: Buffer, reader: FrameReader): Promise<Answer> {
  let { kind, body } = await reader.next();
  // Whether they are missing, the gate sees.
  const moments = kind === 'F' ? wholeNumbers(body) : undefined;
  if (moments !== undefined) ({ kind, body } = await reader.next());
  const metric = kind === 'M' ? { total: body.readBigInt64BE(0), units: body.readBigInt64BE(8) } : undefined;
  if (metric !== undefined) ({ kind, body } = await reader.next());
  if (kind !== 'N') throw protocolBroken('numbers');
  return {
    kind: 'result',
    weights,
    ...(metric === undefined ? {} : { metric }),
    ...(moments === undefined ? {} : { moments }),
    numbers: { epochs: body.readUInt32BE(0), rows: Number(body.readBigUInt64BE(4)) },
  };
}

function wholeNumbers(body: Buffer): bigint[] {
  return Array.from({ length: body.length / WHOLE_BYTES }, (_, i) => body.readBigInt64BE(i * WHOLE_BYTES));
}

function readRefusal({ kind, body }: Frame): Answer {
  const reason = kind === 'E' ? REASONS[body.readUInt8(0) - 1] : undefined;
  if (reason === undefined) throw protocolBroken('answer');
  return { kind: 'refusal', reason };
}

interface Frame {
  kind: string;
  body: Buffer;
}

/** Cuts a byte stream into frames, holding no more of it than the frame at hand may be long. */
export class FrameReader {
  private readonly source: AsyncIterator<Uint8Array>;
  /** Before a job is known, neither weights nor checkpoints nor moments are taken. */
  private maxBytes = { R: 0, Z: 0, F: 0 };
  private chunks: Uint8Array[] = [];
  private held = 0;

  constructor(stdout: AsyncIterable<Uint8Array>) {
    this.source = stdout[Symbol.asyncIterator]();
  }

  /** Weights and checkpoints up to so many bytes, moments of exactly so many. */
  allow(maxBytes: { R: number; Z: number; F: number }): void {
    this.maxBytes = maxBytes;
  }

  async next(): Promise<Frame> {
    const head = await this.take(FRAME_HEAD_BYTES);
    const length = head.readUInt32BE(0);
    const kind = head.toString('latin1', 4);
    if (!this.allows(kind, length)) throw protocolBroken('frame size or kind');
    return { kind, body: await this.take(length) };
  }

  /** @throws WeighbridgeError TRAINER_FAILED if a byte follows the answer */
  async end(): Promise<void> {
    if (this.held > 0 || (await this.source.next()).done !== true) throw protocolBroken('bytes after the answer');
  }

  private allows(kind: string, length: number): boolean {
    switch (kind) {
      case 'I':
        return length === 0;
      case 'P':
        return length === PROGRESS_BYTES;
      case 'R':
      case 'Z':
        return length <= this.maxBytes[kind];
      case 'F':
        return length > 0 && length === this.maxBytes.F;
      case 'M':
        return length === METRIC_BYTES;
      case 'N':
        return length === NUMBERS_BYTES;
      case 'E':
        return length === 1;
      default:
        return false;
    }
  }

  private async take(length: number): Promise<Buffer> {
    while (this.held < length) {
      const next = await this.source.next();
      if (next.done === true) throw new SilentEndError('no answer');
      this.chunks.push(next.value);
      this.held += next.value.length;
    }
    const all =
      this.chunks.length === 1 && this.chunks[0] !== undefined
        ? Buffer.from(this.chunks[0])
        : Buffer.concat(this.chunks);
    this.chunks = [all.subarray(length)];
    this.held = all.length - length;
    return all.subarray(0, length);
  }
}
