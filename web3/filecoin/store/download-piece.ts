import { setTimeout as sleep } from 'node:timers/promises';
import { getApprovedPDPProviders } from '@filoz/synapse-core/sp-registry';
import { WeighbridgeError } from '../../../src/kernel/index.js';
import { PieceHasher } from '../commp.js';
import { parsePieceCid } from '../piece-cid.js';
import type { FocReader } from './foc-client.js';
import { holdsPiece } from './send-piece.js';
import { providerDown } from './storage-errors.js';

/** Rounds over all copies before a download gives up. */
const ROUNDS = 3;
const BACKOFF_MS = 500;
const CONNECT_MS = 10_000;
/** A copy that sends nothing for so long is left for another one. */
const STALL_MS = 30_000;

/** Copies that turned out to be something else, by URL: another one is tried before them. */
export type Suspects = Set<string>;

/**
 * The bytes of a piece, from whichever providers have it. A connection that breaks is taken up at the same byte, at the
 * next copy if there is one.
 * @throws WeighbridgeError PROVIDER_DOWN (retryable), and at the end PIECE_CORRUPT if the bytes are another piece
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
  const hasher = new PieceHasher();
  const used = new Set<string>();
  let fault: unknown;
  for (let round = 0; round < ROUNDS && hasher.size < piece.sizeBytes; round++) {
    if (round > 0) await sleep(BACKOFF_MS * 2 ** round, undefined, { signal });
    for (const url of await copiesOf(reader, suspects, pieceCid)) {
      try {
        for await (const bytes of readFrom(url, hasher.size, piece.sizeBytes, signal)) {
          used.add(url);
          hasher.write(bytes);
          yield bytes;
        }
        break;
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof WrongCopy) suspects.add(url);
        fault = error;
      }
    }
  }
  if (hasher.size < piece.sizeBytes && !(fault instanceof WrongCopy)) {
    throw providerDown(`No provider gives the piece ${pieceCid}.`, fault);
  }
  if (hasher.size === piece.sizeBytes && hasher.digest() === pieceCid) return;
  for (const url of used) suspects.add(url);
  throw new WeighbridgeError('PIECE_CORRUPT', `What the provider holds is not the piece ${pieceCid}.`, {
    next: 'Try again: another copy is read if there is one. If every copy fails, tell the seller.',
    details: { pieceCid, copies: [...suspects].filter((url) => url.endsWith(pieceCid)) },
    cause: fault,
  });
}

/** What a provider calls the piece has another size. */
class WrongCopy extends Error {}

/** URLs of the copies at providers that the chain names, those that have failed us last. */
async function copiesOf(reader: FocReader, suspects: Suspects, pieceCid: string): Promise<string[]> {
  const providers = await getApprovedPDPProviders(reader);
  const found = await Promise.all(
    providers.map(async ({ pdp }) =>
      (await holdsPiece(pdp.serviceURL, pieceCid).catch(() => false)) ? pdp.serviceURL : '',
    ),
  );
  const urls = found.filter((serviceUrl) => serviceUrl !== '').map((url) => new URL(`piece/${pieceCid}`, url).href);
  return urls.toSorted((a, b) => Number(suspects.has(a)) - Number(suspects.has(b)));
}

/** The bytes of a copy from `offset` to its end. @throws WrongCopy if its size is not that of the piece */
async function* readFrom(
  url: string,
  offset: number,
  sizeBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const idle = new AbortController();
  const stalled = (): void => idle.abort(new DOMException('the provider stalls', 'TimeoutError'));
  let timer = setTimeout(stalled, CONNECT_MS);
  try {
    const response = await fetch(url, {
      headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
      signal: signal ? AbortSignal.any([signal, idle.signal]) : idle.signal,
      redirect: 'error', // a provider is not trusted to send us elsewhere
    });
    if (response.status === 416) throw new WrongCopy(`the copy ends before byte ${offset}`);
    if (response.status !== (offset > 0 ? 206 : 200) || response.body === null) {
      throw new Error(`the provider answers ${response.status} for the bytes from ${offset}`);
    }
    const lengthBytes = response.headers.get('content-length');
    if (lengthBytes !== null && Number(lengthBytes) !== sizeBytes - offset) {
      throw new WrongCopy(`the copy has ${offset + Number(lengthBytes)} bytes, the piece ${sizeBytes}`);
    }
    const body = response.body.getReader();
    for (let left = sizeBytes - offset; ;) {
      clearTimeout(timer); // it runs while we wait for the provider, not while the consumer takes its time
      timer = setTimeout(stalled, STALL_MS);
      const { done, value } = await body.read();
      clearTimeout(timer);
      if (done && left > 0) throw new Error(`the connection ended ${left} bytes early`);
      if (done) return;
      left -= value.length;
      if (left < 0) throw new WrongCopy('the copy goes on after the end of the piece');
      yield value;
    }
  } finally {
    clearTimeout(timer);
    idle.abort();
  }
}
