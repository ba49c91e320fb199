import type { PieceCid } from '../piece-cid.js';
import { notFetched, type Suspects } from './fetch-piece.js';
import { providerOf, type SlowProviders } from './fetch-ranges.js';
import { WrongCopy } from './read-range.js';

/** For some MiB: a copy that needs longer is left for another one, if there is one that was not asked. */
const PATIENCE_MS = 10_000;

/** The copies of a piece, and what is known of them. */
export interface Copies {
  piece: PieceCid;
  /** The one first that is asked first. */
  urls: string[];
  suspects: Suspects;
  slow: SlowProviders;
  signal: AbortSignal | undefined;
}

/**
 * What the first copy answers that gives the right bytes in time. Providers that have been too slow are asked after all others.
 * @param ask - throws WrongCopy for a copy that is another one
 * @throws WeighbridgeError PIECE_CORRUPT, PROVIDER_DOWN (retryable)
 */
export async function askInTurn<T>(
  { piece, urls, suspects, slow, signal }: Copies,
  ask: (url: string, signal: AbortSignal | undefined) => Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const faults: unknown[] = [];
  const left = urls.toSorted((a, b) => Number(slow.has(providerOf(a))) - Number(slow.has(providerOf(b))));
  for (let url = left.shift(); url !== undefined; url = left.shift()) {
    const late = left.length > 0 ? [AbortSignal.timeout(patienceMs)] : [];
    try {
      const answer = await ask(url, AbortSignal.any([...late, ...(signal === undefined ? [] : [signal])]));
      slow.delete(providerOf(url));
      return answer;
    } catch (error) {
      signal?.throwIfAborted();
      if (late.some(({ aborted }) => aborted)) slow.add(providerOf(url));
      faults.push(error);
      if (error instanceof WrongCopy) suspects.add(url);
    }
  }
  throw notFetched(piece, suspects, faults);
}
