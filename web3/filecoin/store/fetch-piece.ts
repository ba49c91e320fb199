import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeighbridgeError } from '../../../src/kernel/index.js';
import type { PieceCid } from '../piece-cid.js';
import type { FileHashing } from './file-hash.js';
import { fetchRound, type Range, type SlowProviders } from './fetch-ranges.js';
import { WrongCopy } from './read-range.js';
import { isDiskFull, providerDown } from './storage-errors.js';

/** Rounds over all copies that bring nothing before a download gives up. */
const IDLE_ROUNDS = 3;
const BACKOFF_MS = 500;
/** What a round has to bring at least: a copy that gives a byte at a time is one that gives nothing. */
const PROGRESS_BYTES = 1 << 20;
/** Bytes that are asked for at once: what is hashed while the next range arrives. */
const RANGE_BYTES = 4 << 20;
/** Copies that turned out to be something else, by URL: another one is tried before them. */
export type Suspects = Set<string>;

/** What is fetched, and where to. */
export interface FetchTarget {
  piece: PieceCid;
  file: FileHandle;
  hashing: FileHashing;
  suspects: Suspects;
  slow: SlowProviders;
  signal: AbortSignal | undefined;
  /** Hears how many bytes have arrived: from the beginning again for each time that all are fetched. */
  onProgress?: ((fetchedBytes: number) => void) | undefined;
}

/**
 * Fills a file with the bytes of a piece from all of its copies at once: ranges go to whichever is free, and a range that a copy
 * fails, or is far too slow with, is taken up at the same byte, by another one or after a pause by the same.
 * @throws WeighbridgeError PROVIDER_DOWN (retryable), PIECE_CORRUPT, DISK_FULL
 */
export async function fetchVerified(target: FetchTarget, urls: string[]): Promise<void> {
  const { piece, suspects } = target;
  const { used, pieceCid } = await fetchAll(target, urls);
  if (pieceCid === piece.text) return;
  for (const url of used) suspects.add(url);
  // One copy lied. Each alone tells which.
  for (const url of urls) {
    const alone = await fetchAll(target, [url]).catch(() => undefined);
    if (alone?.pieceCid !== piece.text) continue;
    suspects.delete(url);
    return;
  }
  throw corruptPiece(piece.text, suspects);
}

/** Fetches every range of a piece into its file and hashes it on the way. @returns the copies that gave bytes */
async function fetchAll(target: FetchTarget, urls: string[]): Promise<{ used: Set<string>; pieceCid: string }> {
  const ranges = rangesOf(target.piece.sizeBytes);
  const used = new Set<string>();
  const hash = target.hashing(target.file.fd);
  try {
    await fetchRanges(target, urls, ranges, (url) => {
      used.add(url);
      hash.reach(ranges.find(({ from, to }) => from < to)?.from ?? target.piece.sizeBytes);
    });
    return { used, pieceCid: await hash.digest() };
  } catch (error) {
    await hash.drop(); // the file is closed next
    throw error;
  }
}

async function fetchRanges(
  { piece, file, suspects, slow, signal, onProgress }: FetchTarget,
  urls: string[],
  ranges: Range[],
  onBytes: (url: string) => void,
): Promise<void> {
  const open = [...ranges];
  const faults: unknown[] = [];
  const failed = new Map<string, number>();
  let fetchedBytes = 0;
  const target = {
    file,
    sizeBytes: piece.sizeBytes,
    slow,
    signal,
    onBytes: (url: string, count: number) => {
      fetchedBytes += count;
      onBytes(url);
      onProgress?.(fetchedBytes);
    },
    onFault: (url: string, error: unknown) => {
      faults.push(error);
      failed.set(url, (failed.get(url) ?? 0) + 1);
      if (error instanceof WrongCopy) suspects.add(url);
    },
  };
  for (let idleRounds = 0; idleRounds < IDLE_ROUNDS && open.length > 0;) {
    if (idleRounds > 0) await sleep(BACKOFF_MS * 2 ** idleRounds, undefined, { signal });
    const beforeBytes = fetchedBytes;
    // Those that failed least come first: what is left may be one range, and goes to whoever asks first.
    const order = urls.toSorted((a, b) => (failed.get(a) ?? 0) - (failed.get(b) ?? 0));
    await fetchRound(target, order, open);
    signal?.throwIfAborted();
    // Copies that break off again and again come to their end, as long as each round brings something.
    idleRounds = fetchedBytes - beforeBytes >= PROGRESS_BYTES ? 0 : idleRounds + 1;
  }
  if (open.length > 0) throw notFetched(piece, suspects, faults);
}

/** What to say of a piece that no copy gave. */
export function notFetched(piece: PieceCid, suspects: Suspects, faults: unknown[]): Error {
  const wrong = faults.length > 0 && faults.every((fault) => fault instanceof WrongCopy);
  if (wrong) return corruptPiece(piece.text, suspects, faults[0]);
  const full = faults.find(isDiskFull);
  if (full !== undefined) return full;
  return providerDown(`No provider gives the piece ${piece.text}.`, faults.at(-1));
}

function rangesOf(sizeBytes: number): Range[] {
  return Array.from({ length: Math.ceil(sizeBytes / RANGE_BYTES) }, (_, i) => ({
    from: i * RANGE_BYTES,
    to: Math.min(sizeBytes, (i + 1) * RANGE_BYTES),
  }));
}

/** What to say of a piece whose bytes are not those of its CID. */
export function corruptPiece(pieceCid: string, suspects: Suspects, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('PIECE_CORRUPT', `What the provider holds is not the piece ${pieceCid}.`, {
    next: 'Try again: another copy is read if there is one. If every copy fails, tell the seller.',
    details: { pieceCid, copies: [...suspects].filter((url) => url.endsWith(pieceCid)) },
    cause,
  });
}
