import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { parentPort, type MessagePort } from 'node:worker_threads';
import { pieceSealer } from '../../../src/storage/index.js';
import { PieceHasher } from '../commp.js';
import { BLOCK_BYTES, BLOCKS_AHEAD, type Job, type Order, type Told } from './messages.js';

/**
 * Runs in a worker thread: what costs processor time in publishing. Reads are synchronous, because nothing else runs
 * here, and jobs come one after the other.
 */
let turn: Promise<void> = Promise.resolve();
parentPort?.on('message', ({ job, port }: Order) => {
  turn = turn.then(async () => run(job, port));
});

async function run(job: Job, port: MessagePort): Promise<void> {
  const tell = (told: Told, moved: ArrayBuffer[] = []): void => port.postMessage(told, moved);
  try {
    tell({ kind: 'done', result: job.kind === 'digest' ? digest(job.file, tell) : await seal(job, port, tell) });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
    tell({ kind: 'failed', message: error instanceof Error ? error.message : String(error), code });
  } finally {
    if (job.kind === 'seal') job.key.fill(0);
    port.close();
  }
}

function digest(file: string, tell: (told: Told) => void): string {
  const hash = createHash('sha256');
  const block = Buffer.allocUnsafe(BLOCK_BYTES);
  const handle = openSync(file, 'r');
  try {
    for (let at = 0, length = 1; length > 0; at += length) {
      length = readSync(handle, block, 0, block.length, null);
      hash.update(block.subarray(0, length));
      tell({ kind: 'progress', bytes: at + length });
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
  tell: (told: Told, moved: ArrayBuffer[]) => void,
): Promise<string> {
  const { header, dataBytes } = job;
  const sealer = pieceSealer({ key: job.key, nonceBase: header.nonceBase }, header, dataBytes);
  const hasher = new PieceHasher();
  const handle = openSync(job.file, 'r');
  const credit = creditOf(port);
  try {
    if (fstatSync(handle).size !== dataBytes) throw new Error('the shard has another size than before');
    const plaintext = Buffer.allocUnsafe(header.frameBytes);
    let block: Uint8Array[] = [sealer.head];
    const flush = async (): Promise<void> => {
      const bytes = joined(block);
      block = [];
      hasher.write(bytes);
      await credit();
      tell({ kind: 'block', bytes }, [bytes.buffer]);
    };
    let pending = sealer.head.length;
    for (let index = 0; index < sealer.frames; index++) {
      const { from, length } = sealer.dataOf(index);
      readWhole(handle, plaintext, length, from);
      const sealed = sealer.seal(index, plaintext.subarray(0, length));
      block.push(...sealed);
      pending += sealed[0].length + sealed[1].length;
      if (pending < BLOCK_BYTES && index < sealer.frames - 1) continue;
      await flush();
      pending = 0;
    }
    return hasher.digest();
  } finally {
    closeSync(handle);
  }
}

/** Waits until one more block may be made; fails when nobody listens any more. */
function creditOf(port: MessagePort): () => Promise<void> {
  let credits = BLOCKS_AHEAD;
  let closed = false;
  let wake: () => void = () => undefined;
  port.on('message', () => {
    credits++;
    wake();
  });
  port.once('close', () => {
    closed = true;
    wake();
  });
  return async () => {
    while (credits === 0 && !closed) await new Promise<void>((resolve) => (wake = resolve));
    if (closed) throw new Error('nobody takes the piece any more');
    credits--;
  };
}

function readWhole(handle: number, into: Buffer, length: number, from: number): void {
  for (let got = 0; got < length;) {
    const read = readSync(handle, into, got, length - got, from + got);
    if (read === 0) throw new Error('the shard ended early');
    got += read;
  }
}

function joined(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
