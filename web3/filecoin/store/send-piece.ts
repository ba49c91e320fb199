import { ReadableStream } from 'node:stream/web';
import * as Piece from '@filoz/synapse-core/piece';
import * as SP from '@filoz/synapse-core/sp';

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
 * Streams a piece to a provider, which hashes it too: the piece that was promised is the piece that is kept, or nothing is.
 * @param pieceCid Asked for once all bytes were read
 */
export async function sendPiece(
  serviceUrl: string,
  bytes: AsyncIterable<Uint8Array>,
  pieceCid: () => string,
  onProgress?: (sentBytes: number) => void,
): Promise<void> {
  const stall = new AbortController();
  const timer = setTimeout(() => stall.abort(new DOMException('the provider stalls', 'TimeoutError')), STALL_MS);
  let fault: { error: unknown } | undefined;
  let ended = false;
  const source = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* bytes;
      ended = true;
    } catch (error) {
      fault = { error };
      throw error;
    }
  };
  try {
    await SP.uploadPieceStreaming({
      serviceURL: serviceUrl,
      data: ReadableStream.from(source()),
      signal: stall.signal,
      // The SDK asks before the first byte, to see whether it must hash itself (at 5 MiB/s), and after the last.
      get pieceCid() {
        return ended ? Piece.parse(pieceCid()) : NOT_YET;
      },
      onProgress: (sentBytes) => {
        timer.refresh();
        onProgress?.(sentBytes);
      },
    });
  } catch (error) {
    throw fault === undefined ? error : fault.error;
  } finally {
    clearTimeout(timer);
  }
}

/** Stands for a piece CID that is known after the last byte. It is never sent. */
const NOT_YET = Piece.calculate(new Uint8Array(127));
