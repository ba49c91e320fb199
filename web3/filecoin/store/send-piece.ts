import { z } from 'zod';
import { getCapped, putStream, type Answer } from './provider-http.js';
import { providerRefused } from './storage-errors.js';

const LOOK_UP_MS = 10_000;
const OPEN_MS = 30_000;

/** Whether a provider holds a piece; an answer that is not clear is a fault, not a no. */
export async function holdsPiece(serviceUrl: string, pieceCid: string): Promise<boolean> {
  const url = new URL(`pdp/piece?${new URLSearchParams({ pieceCid })}`, serviceUrl);
  const response = await fetch(url, { signal: AbortSignal.timeout(LOOK_UP_MS), redirect: 'error' });
  await response.body?.cancel();
  if (response.status === 404) return false;
  if (response.ok) return true;
  throw providerRefused('asked for a piece', { status: response.status, text: '' });
}

/**
 * Streams a piece to a provider, which hashes it too: the piece that was promised is the piece that is kept, or nothing is.
 * Curio's upload with the CID last: open a session, send the bytes, name them. It is the SDK's `uploadPieceStreaming`, for
 * which every byte goes through three web streams and `fetch`: that costs more than encrypting and hashing it.
 * @param bytes - blocks may be overwritten once the next one is asked for
 * @param pieceCid - asked for once all bytes were read
 */
export async function sendPiece(
  serviceUrl: string,
  bytes: AsyncIterable<Uint8Array>,
  pieceCid: () => string,
  onProgress: (sentBytes: number) => void = () => undefined,
): Promise<void> {
  const opened = await getCapped(new URL('pdp/piece/uploads', serviceUrl), OPEN_MS, { method: 'POST' });
  const session = sessionOf(opened, serviceUrl);
  const taken = await putStream(session, bytes, onProgress);
  if (taken.status !== 204) throw providerRefused('given a piece', taken);
  const named = await getCapped(session, OPEN_MS, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ pieceCid: pieceCid() }),
  });
  if (named.status !== 200) throw providerRefused('told the name of a piece', named);
}

/** The path of a session. Host and route are ours: a provider is not trusted to send the bytes elsewhere. */
function sessionOf(opened: Answer, serviceUrl: string): URL {
  const id = /\/pdp\/piece\/uploads\/([0-9a-fA-F-]+)$/.exec(opened.location ?? '')?.[1];
  if (opened.status !== 201 || !z.uuid().safeParse(id).success) throw providerRefused('asked to take a piece', opened);
  return new URL(`pdp/piece/uploads/${id}`, serviceUrl);
}
