import { mkdtemp, open, rm, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { getApprovedPDPProviders } from '@filoz/synapse-core/sp-registry';
import { WeighbridgeError } from '../../../src/kernel/index.js';
import type { BlockRoots, BlockRun } from '../../../src/storage/index.js';
import { parsePieceCid, type PieceCid } from '../piece-cid.js';
import type { FocReader } from './foc-client.js';
import { askInTurn } from './ask-in-turn.js';
import { fetchVerified, type FetchTarget, type Suspects } from './fetch-piece.js';
import { readRange } from './read-range.js';
import { holdsPiece } from './send-piece.js';
import { verifiedBlocks } from './verified-blocks.js';

const READ_BYTES = 1 << 20;

/** Where a piece is, asked anew or a moment ago. */
export type CopiesOf = (pieceCid: string, anew?: boolean) => Promise<string[]>;

/** Where pieces are, and what is known of who has them. */
export interface CopiesKnown extends Pick<FetchTarget, 'suspects' | 'slow'> {
  copiesOf: CopiesOf;
}

/**
 * The bytes of a piece, from all providers that have it at once: ranges go to whichever copy is free, and a range that a copy
 * fails, or is far too slow with, is taken up at the same byte by another. They lie in a file of this machine, ciphertext all of them, until their piece
 * CID is computed: not one byte is given out before. A block of them is good until the next one is asked for.
 * @throws WeighbridgeError PROVIDER_DOWN (retryable), PIECE_CORRUPT if the bytes are another piece, DISK_FULL
 */
export async function* downloadPiece(
  { copiesOf, ...how }: CopiesKnown & Pick<FetchTarget, 'hashing'>,
  pieceCid: string,
  signal?: AbortSignal,
  onProgress?: (fetchedBytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const piece = requirePiece(pieceCid);
  const dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-piece-'));
  const file = await open(path.join(dir, 'piece'), 'wx+', 0o600);
  try {
    // The name is not needed any more: the disk is free again when the handle is closed, also after a kill.
    await rm(dir, { recursive: true });
    const target = { ...how, piece, file, signal, onProgress };
    await fetchVerified(target, await copiesOf(pieceCid, true));
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
  { copiesOf, ...known }: CopiesKnown,
  pieceCid: string,
  from: number,
  to: number,
): Promise<Uint8Array> {
  const piece = requirePiece(pieceCid);
  const end = Math.min(to, piece.sizeBytes);
  const bytes = new Uint8Array(end - from);
  let at = 0; // the next copy goes on there
  return askInTurn({ ...known, piece, urls: await copiesOf(pieceCid), signal: undefined }, async (url, signal) => {
    for await (const block of readRange(url, from + at, end, piece.sizeBytes, signal)) {
      bytes.set(block, at);
      at += block.length;
    }
    return bytes;
  });
}

/** Blocks of a piece that are held against its CID, from whichever copy gives the right ones. */
export async function* readBlocks(
  { copiesOf, ...known }: CopiesKnown,
  pieceCid: string,
  { roots, runs }: { roots: BlockRoots; runs: readonly BlockRun[] },
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const piece = requirePiece(pieceCid);
  const urls = await copiesOf(pieceCid);
  yield* verifiedBlocks({ ...known, piece, urls, signal }, roots, runs);
}

function requirePiece(pieceCid: string): PieceCid {
  const piece = parsePieceCid(pieceCid);
  if (piece !== undefined) return piece;
  throw new WeighbridgeError('BAD_INPUT', `"${pieceCid}" is not a piece CID of version 2`, {
    next: 'Take the piece CID from the manifest of the dataset.',
  });
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

/** How long it is believed who has a piece: a read of some columns asks for parts of each piece four times within a moment. */
const COPIES_MS = 10_000;

/** URLs of the copies at providers that the chain names; those that have failed us only if there is no other. */
export function copiesFinder(reader: FocReader, suspects: Suspects): CopiesOf {
  const providers = remembering(async () => serviceUrls(reader));
  const copies = new Map<string, Remembered<string[]>>();
  const findCopies = async (pieceCid: string): Promise<string[]> => {
    const found = await copiesAt(await providers.get(), pieceCid);
    if (found.length > 0) return found;
    providers.forget(); // a new one may have it
    return copiesAt(await providers.get(), pieceCid);
  };
  return async (pieceCid, anew = false) => {
    for (const [known, remembered] of copies) if (remembered.isOld()) copies.delete(known);
    if (anew) copies.delete(pieceCid);
    const remembered = copies.get(pieceCid) ?? remembering(async () => findCopies(pieceCid));
    copies.set(pieceCid, remembered);
    const found = await remembered.get();
    if (found.length === 0) remembered.forget();
    const good = found.filter((url) => !suspects.has(url));
    return good.length > 0 ? good : found;
  };
}

interface Remembered<T> {
  get(): Promise<T>;
  forget(): void;
  isOld(): boolean;
}

/** What was asked a moment ago is not asked again; after one who asked in vain, the next one asks. */
function remembering<T>(ask: () => Promise<T>): Remembered<T> {
  let asked: { answer: Promise<T>; atMs: number } | undefined;
  const isOld = (): boolean => asked === undefined || performance.now() - asked.atMs > COPIES_MS;
  const forget = (): void => (asked = undefined);
  return {
    get: async () => {
      if (asked === undefined || isOld()) asked = { answer: ask(), atMs: performance.now() };
      return asked.answer.catch((error: unknown) => {
        forget();
        throw error;
      });
    },
    forget,
    isOld,
  };
}

async function serviceUrls(reader: FocReader): Promise<string[]> {
  return (await getApprovedPDPProviders(reader)).map(({ pdp }) => pdp.serviceURL);
}

async function copiesAt(urls: string[], pieceCid: string): Promise<string[]> {
  const found = await Promise.all(
    urls.map(async (url) => ((await holdsPiece(url, pieceCid).catch(() => false)) ? url : '')),
  );
  return found.filter((url) => url !== '').map((url) => new URL(`piece/${pieceCid}`, url).href);
}
