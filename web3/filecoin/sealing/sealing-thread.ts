import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { concatBytes } from '../../../src/kernel/bytes.js';
import { LENGTH_BYTES, MAX_HEADER_BYTES, pieceSealer, TAG_BYTES } from '../../../src/storage/index.js';
import { PieceHasher } from '../commp.js';
import { BlockRing } from './block-ring.js';
import { BLOCK_BYTES, type Job, type Order, type Told } from './messages.js';

/**
 * Runs in a worker thread: what costs processor time in publishing. Reads are synchronous, because nothing else runs
 * here, and jobs come one after the other.
 */
let turn: Promise<void> = Promise.resolve();
parentPort?.on('message', ({ job, port }: Order) => {
  turn = turn.then(async () => run(job, port));
});

async function run(job: Job, port: MessagePort): Promise<void> {
  const tell = (told: Told): void => port.postMessage(told);
  try {
    tell({ kind: 'done', result: job.kind === 'digest' ? digest(job.file, tell) : await seal(job, port, tell) });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error), code });
  } finally {
    if (job.kind === 'seal') job.key.fill(0);
    // The reader closes the channel: until then it holds blocks.
  }
}

/** How often a digest says how far it is: a message costs as much as hashing a good part of a block. */
const PROGRESS_BYTES = 8 * BLOCK_BYTES;

function digest(file: string, tell: (told: Told) => void): string {
  const hash = createHash('sha256');
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  const handle = openSync(file, 'r');
  try {
    for (let at = 0, length = 1; length > 0; at += length) {
      length = readSync(handle, block, 0, block.length, null);
      hash.update(block.subarray(0, length));
      if ((at + length) % PROGRESS_BYTES === 0) tell({ kind: 'progress', bytes: at + length });
    }
    return hash.digest('hex');
  } finally {
    closeSync(handle);
  }
}

/** Encrypts a shard and hashes the ciphertext, a few blocks ahead of whoever takes them. @returns the piece CID */
async function seal(
  job: Extract<Job, { kind: 'seal' }>,
  port: MessagePort,
  tell: (told: Told) => void,
): Promise<string> {
  const { header, dataBytes, layout } = job;
  const sealer = pieceSealer({ key: job.key, nonceBase: header.nonceBase }, header, dataBytes, layout);
  const roots: Uint8Array[] = [];
  const hasher = new PieceHasher((root) => {
    if (roots.length < sealer.roots) roots.push(Uint8Array.from(root));
  });
  const handle = openSync(job.file, 'r');
  const nextBlock = ringFor(header.frameBytes).lendTo(port);
  const give = (bytes: Uint8Array<SharedArrayBuffer>): void => {
    hasher.write(bytes);
    tell({ kind: 'block', bytes });
  };
  try {
    if (fstatSync(handle).size !== dataBytes) throw new Error('the shard has another size than before');
    const plaintext = Buffer.allocUnsafe(header.frameBytes);
    const framesEach = framesABlock(header.frameBytes);
    for (let index = 0; index < sealer.frames;) {
      const block = await nextBlock();
      // A block begins in memory where it would if the whole piece lay there: the hasher reads words, and copies what lies askew.
      const start = hasher.size % WORD_BYTES;
      let end = start;
      if (index === 0) {
        block.set(sealer.head, end);
        end += sealer.head.length;
      }
      for (const last = Math.min(sealer.frames, index + framesEach); index < last; index++) {
        const { from, length } = sealer.dataOf(index);
        readWhole(handle, plaintext, length, from);
        end += sealer.seal(index, plaintext.subarray(0, length), block.subarray(end));
      }
      give(block.subarray(start, end));
    }
    const index = sealer.sealIndex(concatBytes(...roots));
    for (let at = 0; at < index.length; at += BLOCK_BYTES) {
      const part = index.subarray(at, at + BLOCK_BYTES);
      const block = await nextBlock();
      block.set(part);
      give(block.subarray(0, part.length));
    }
    return hasher.digest();
  } finally {
    closeSync(handle);
  }
}

const WORD_BYTES = 4;
/** Kept from piece to piece: all that publishes have one size of frame. */
let ring: BlockRing | undefined;

function ringFor(frameBytes: number): BlockRing {
  const blockBytes = WORD_BYTES + LENGTH_BYTES + MAX_HEADER_BYTES + framesABlock(frameBytes) * (frameBytes + TAG_BYTES);
  if (ring?.blockBytes !== blockBytes) ring = new BlockRing(blockBytes);
  return ring;
}

function framesABlock(frameBytes: number): number {
  return Math.max(1, Math.floor(BLOCK_BYTES / frameBytes));
}

function readWhole(handle: number, into: Buffer, length: number, from: number): void {
  for (let got = 0; got < length;) {
    const read = readSync(handle, into, got, length - got, from + got);
    if (read === 0) throw new Error('the shard ended early');
    got += read;
  }
}
