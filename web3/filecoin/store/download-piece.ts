import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { getApprovedPDPProviders } from '@filoz/synapse-core/sp-registry';
import { WeighbridgeError } from '../../../src/kernel/index.js';
import { parsePieceCid, type PieceCid } from '../piece-cid.js';
import type { FileHashing } from './file-hash.js';
import type { FocReader } from './foc-client.js';
import { readRange, WrongCopy } from './read-range.js';
import { holdsPiece } from './send-piece.js';
import { isDiskFull, providerDown } from './storage-errors.js';

/** Rounds over all copies before a download gives up. */
const ROUNDS = 3;
const BACKOFF_MS = 500;
/** Bytes that are asked for at once: what is hashed while the next range arrives. */
const RANGE_BYTES = 4 << 20;
/** Ranges that are on their way from one copy. */
const RANGES_A_COPY = 2;
const READ_BYTES = 1 << 20;

interface Range {
  from: number;
  to: number;
}

/** Copies that turned out to be something else, by URL: another one is tried before them. */
export type Suspects = Set<string>;

/**
 * The bytes of a piece, from all providers that have it at once: ranges go to whichever copy is free, and a range that a copy
 * fails is taken up at the same byte by another. They lie in a file of this machine, ciphertext all of them, until their piece
 * CID is computed: not one byte is given out before. A block of them is good until the next one is asked for.
 * @throws WeighbridgeError PROVIDER_DOWN (retryable), PIECE_CORRUPT if the bytes are another piece, DISK_FULL
 */
export async function* downloadPiece(
  reader: FocReader,
  suspects: Suspects,
  hashing: FileHashing,
  pieceCid: string,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const piece = requirePiece(pieceCid);
  const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-piece-'));
  const file = await open(path.join(dir, 'piece'), 'wx+', 0o600);
  try {
    // The name is not needed any more: the disk is free again when the handle is closed, also after a kill.
    await rm(dir, { recursive: true });
    const target = { piece, file, hashing, suspects, signal };
    await fetchVerified(target, await copiesOf(reader, suspects, pieceCid));
    yield* readBack(file, piece.sizeBytes);
  } finally {
    await file.close();
  }
}

/**
 * Bytes of a piece, from the first copy that gives them. Nothing is held against the piece CID.
 * @throws WeighbridgeError PROVIDER_DOWN (retryable), PIECE_CORRUPT if every copy has another size
 */
export async function readPart(
  reader: FocReader,
  suspects: Suspects,
  pieceCid: string,
  from: number,
  to: number,
): Promise<Uint8Array> {
  const piece = requirePiece(pieceCid);
  const end = Math.min(to, piece.sizeBytes);
  const bytes = new Uint8Array(end - from);
  const faults: unknown[] = [];
  let at = 0;
  for (const url of await copiesOf(reader, suspects, pieceCid)) {
    try {
      for await (const block of readRange(url, from + at, end, piece.sizeBytes)) {
        bytes.set(block, at);
        at += block.length;
      }
      return bytes;
    } catch (error) {
      faults.push(error); // the next copy goes on at the byte
      if (error instanceof WrongCopy) suspects.add(url);
    }
  }
  throw notFetched(piece, suspects, faults);
}

function requirePiece(pieceCid: string): PieceCid {
  const piece = parsePieceCid(pieceCid);
  if (piece !== undefined) return piece;
  throw new WeighbridgeError('BAD_INPUT', `"${pieceCid}" is not a piece CID of version 2`, {
    next: 'Take the piece CID from the manifest of the dataset.',
  });
}

/** What is fetched, and where to. */
interface Target {
  piece: PieceCid;
  file: FileHandle;
  hashing: FileHashing;
  suspects: Suspects;
  signal: AbortSignal | undefined;
}

async function fetchVerified(target: Target, urls: string[]): Promise<void> {
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
async function fetchAll(target: Target, urls: string[]): Promise<{ used: Set<string>; pieceCid: string }> {
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
  { piece, file, suspects, signal }: Target,
  urls: string[],
  ranges: Range[],
  onBytes: (url: string) => void,
): Promise<void> {
  const open = [...ranges];
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
              onBytes(url);
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
  if (open.length > 0) throw notFetched(piece, suspects, faults);
}

function notFetched(piece: PieceCid, suspects: Suspects, faults: unknown[]): Error {
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

/** `FileHandle.write` may write less than it was given. */
async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}

async function* readBack(file: FileHandle, sizeBytes: number): AsyncGenerator<Uint8Array> {
  const block = Buffer.allocUnsafe(READ_BYTES);
  for (let at = 0; at < sizeBytes;) {
    const { bytesRead } = await file.read(block, 0, READ_BYTES, at);
    if (bytesRead === 0) throw new Error('the downloaded piece ended early');
    yield block.subarray(0, bytesRead);
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
