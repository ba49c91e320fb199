import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getApprovedPDPProviders } from '@filoz/synapse-core/sp-registry';
import { WeighbridgeError } from '../../../src/kernel/index.js';
import { PieceHasher } from '../commp.js';
import { parsePieceCid, type PieceCid } from '../piece-cid.js';
import type { FocReader } from './foc-client.js';
import { readRange, WrongCopy } from './read-range.js';
import { holdsPiece } from './send-piece.js';
import { asStorageError, providerDown } from './storage-errors.js';

/** Rounds over all copies before a download gives up. */
const ROUNDS = 3;
const BACKOFF_MS = 500;
/** Bytes that are asked for at once. */
const RANGE_BYTES = 16 << 20;
/** Ranges that are on their way from one copy. */
const RANGES_A_COPY = 2;
const READ_BYTES = 1 << 20;

/** Copies that turned out to be something else, by URL: another one is tried before them. */
export type Suspects = Set<string>;

/**
 * The bytes of a piece, from all providers that have it at once: ranges go to whichever copy is free, and a range that a copy
 * fails is taken up at the same byte by another. They lie in a file of this machine, ciphertext all of them, until their piece
 * CID is computed: not one byte is given out before.
 * @throws WeighbridgeError PROVIDER_DOWN (retryable), PIECE_CORRUPT if the bytes are another piece, DISK_FULL
 */
export async function* downloadPiece(
  reader: FocReader,
  suspects: Suspects,
  pieceCid: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const piece = parsePieceCid(pieceCid);
  if (piece === undefined) {
    throw new WeighbridgeError('BAD_INPUT', `"${pieceCid}" is not a piece CID of version 2`, {
      next: 'Take the piece CID from the manifest of the dataset.',
    });
  }
  const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-piece-'));
  const file = await open(path.join(dir, 'piece'), 'wx+', 0o600);
  try {
    // The name is not needed any more: the disk is free again when the handle is closed, also after a kill.
    await rm(dir, { recursive: true });
    await fetchVerified(piece, file, await copiesOf(reader, suspects, pieceCid), suspects, signal);
    yield* readBack(file, piece.sizeBytes);
  } finally {
    await file.close();
  }
}

async function fetchVerified(
  piece: PieceCid,
  file: FileHandle,
  urls: string[],
  suspects: Suspects,
  signal: AbortSignal | undefined,
): Promise<void> {
  const used = await fetchAll(piece, file, urls, suspects, signal);
  if ((await cidOf(file, piece.sizeBytes)) === piece.text) return;
  for (const url of used) suspects.add(url);
  // One copy lied. Each alone tells which.
  for (const url of urls) {
    const alone = await fetchAll(piece, file, [url], suspects, signal).catch(() => new Set<string>());
    if (alone.size === 0 || (await cidOf(file, piece.sizeBytes)) !== piece.text) continue;
    suspects.delete(url);
    return;
  }
  throw corruptPiece(piece.text, suspects);
}

/** Fetches every range of a piece into its file. @returns the copies that gave bytes */
async function fetchAll(
  piece: PieceCid,
  file: FileHandle,
  urls: string[],
  suspects: Suspects,
  signal: AbortSignal | undefined,
): Promise<Set<string>> {
  const open = rangesOf(piece.sizeBytes);
  const used = new Set<string>();
  const faults: unknown[] = [];
  for (let round = 0; round < ROUNDS && open.length > 0; round++) {
    if (round > 0) await sleep(BACKOFF_MS * 2 ** round, undefined, { signal });
    const copies = urls.flatMap((url) => Array.from({ length: RANGES_A_COPY }, () => url));
    await Promise.all(
      copies.map(async (url) => {
        for (let range = open.shift(); range !== undefined; range = open.shift()) {
          try {
            for await (const bytes of readRange(url, range.from, range.to, piece.sizeBytes, signal)) {
              await writeAt(file, bytes, range.from);
              range.from += bytes.length;
              used.add(url);
            }
          } catch (error) {
            open.push(range); // goes on at its byte
            faults.push(error);
            if (error instanceof WrongCopy) suspects.add(url);
            return;
          }
        }
      }),
    );
    signal?.throwIfAborted();
  }
  if (open.length === 0) return used;
  const wrong = faults.length > 0 && faults.every((fault) => fault instanceof WrongCopy);
  if (wrong) throw corruptPiece(piece.text, suspects, faults[0]);
  const known = asStorageError(faults.find((fault) => !(fault instanceof WrongCopy)));
  if (known instanceof WeighbridgeError && known.code === 'DISK_FULL') throw known;
  throw providerDown(`No provider gives the piece ${piece.text}.`, faults.at(-1));
}

function rangesOf(sizeBytes: number): { from: number; to: number }[] {
  return Array.from({ length: Math.ceil(sizeBytes / RANGE_BYTES) }, (_, i) => ({
    from: i * RANGE_BYTES,
    to: Math.min(sizeBytes, (i + 1) * RANGE_BYTES),
  }));
}

/** `FileHandle.write` may write less than it was given. */
async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

async function cidOf(file: FileHandle, sizeBytes: number): Promise<string> {
  const hasher = new PieceHasher();
  for await (const bytes of readBack(file, sizeBytes)) hasher.write(bytes);
  return hasher.digest();
}

async function* readBack(file: FileHandle, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < sizeBytes;) {
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, at);
    if (bytesRead === 0) throw new Error('the downloaded piece ended early');
    yield buffer.subarray(0, bytesRead);
    at += bytesRead;
  }
}

/** URLs of the copies at providers that the chain names; those that have failed us only if there is no other. */
async function copiesOf(reader: FocReader, suspects: Suspects, pieceCid: string): Promise<string[]> {
  const providers = await getApprovedPDPProviders(reader);
  const found = await Promise.all(
    providers.map(async ({ pdp }) =>
      (await holdsPiece(pdp.serviceURL, pieceCid).catch(() => false)) ? pdp.serviceURL : '',
    ),
  );
  const urls = found.filter((serviceUrl) => serviceUrl !== '').map((url) => new URL(`piece/${pieceCid}`, url).href);
  const good = urls.filter((url) => !suspects.has(url));
  return good.length > 0 ? good : urls;
}

function corruptPiece(pieceCid: string, suspects: Suspects, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('PIECE_CORRUPT', `What the provider holds is not the piece ${pieceCid}.`, {
    next: 'Try again: another copy is read if there is one. If every copy fails, tell the seller.',
    details: { pieceCid, copies: [...suspects].filter((url) => url.endsWith(pieceCid)) },
    cause,
  });
}
