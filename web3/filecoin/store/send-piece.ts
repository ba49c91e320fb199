import { createReadStream } from 'node:fs';
import { ReadableStream } from 'node:stream/web';
import type { PieceCID } from '@filoz/synapse-core/piece';
import * as SP from '@filoz/synapse-core/sp';
import { PieceHasher } from '../commp.js';
import { digestMismatch } from './storage-errors.js';

const READ_BYTES = 1 << 20;
/** A provider that takes nothing for so long is given up. */
const STALL_MS = 120_000;
const LOOK_UP_MS = 10_000;

/** Whether a provider holds a piece; an answer that is not clear is a fault, not a no. */
export async function holdsPiece(serviceUrl: string, pieceCid: string): Promise<boolean> {
  const url = new URL(`pdp/piece?${new URLSearchParams({ pieceCid })}`, serviceUrl);
  const response = await fetch(url, { signal: AbortSignal.timeout(LOOK_UP_MS), redirect: 'error' });
  await response.body?.cancel();
  if (response.status === 404) return false;
  if (response.ok) return true;
  throw new Error(`the provider answers ${response.status} when asked for a piece`);
}

/**
 * Streams a file to a provider, reading it once and hashing what is read: the piece that was promised is the piece that
 * is sent, or nothing is kept.
 * @throws WeighbridgeError DIGEST_MISMATCH if the file is another piece by now
 */
export async function sendPiece(
  serviceUrl: string,
  pieceCid: PieceCID,
  filePath: string,
  onProgress?: (sentBytes: number) => void,
): Promise<void> {
  const stall = new AbortController();
  const timer = setTimeout(() => stall.abort(new DOMException('the provider stalls', 'TimeoutError')), STALL_MS);
  const file = createReadStream(filePath, { highWaterMark: READ_BYTES });
  try {
    await SP.uploadPieceStreaming({
      serviceURL: serviceUrl,
      data: ReadableStream.from(checked(file, pieceCid.toString())),
      pieceCid,
      signal: stall.signal,
      onProgress: (sentBytes) => {
        timer.refresh();
        onProgress?.(sentBytes);
      },
    });
  } finally {
    clearTimeout(timer);
    file.destroy();
  }
}

async function* checked(source: AsyncIterable<Uint8Array>, expected: string): AsyncGenerator<Uint8Array> {
  const hasher = new PieceHasher();
  for await (const bytes of source) {
    hasher.write(bytes);
    yield bytes;
  }
  if (hasher.digest() !== expected) throw digestMismatch(`The file is not the piece ${expected}.`);
}
