import { PieceHasher } from '../commp.js';
import { parsePieceCid } from '../piece-cid.js';

export type CopyReading = 'good' | 'corrupt' | 'silent';

const CONNECT_MS = 10_000;
const STALL_MS = 30_000;

/** Reads a whole piece from one copy and says whether it is that piece; keeps nothing. */
export async function readCopy(serviceUrl: string, pieceCid: string): Promise<CopyReading> {
  const piece = parsePieceCid(pieceCid);
  if (piece === undefined) return 'corrupt';
  const idle = new AbortController();
  let timer = setTimeout(() => idle.abort(), CONNECT_MS);
  try {
    const url = new URL(`piece/${pieceCid}`, serviceUrl);
    const response = await fetch(url, { signal: idle.signal, redirect: 'error' });
    if (!response.ok || response.body === null) return 'silent';
    const hasher = new PieceHasher();
    for await (const bytes of response.body) {
      clearTimeout(timer);
      timer = setTimeout(() => idle.abort(), STALL_MS);
      hasher.write(bytes);
      if (hasher.size > piece.sizeBytes) return 'corrupt'; // it may never end
    }
    return hasher.size === piece.sizeBytes && hasher.digest() === pieceCid ? 'good' : 'corrupt';
  } catch {
    return 'silent';
  } finally {
    clearTimeout(timer);
    idle.abort();
  }
}
