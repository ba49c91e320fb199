import { release } from '../../../src/kernel/index.js';
import { openGet, withoutStall } from './provider-http.js';

const CONNECT_MS = 10_000;
/** A copy that sends nothing for so long is left for another one. */
const STALL_MS = 30_000;
/** A network's parts are small, and each costs a write to disk. */
export const READ_BLOCK_BYTES = 1 << 20;

/** What a provider calls the piece has another size. */
export class WrongCopy extends Error {}

/**
 * The bytes of a copy from `from` to before `to`, in blocks whose memory is used again once the next is asked for.
 * @throws WrongCopy if the copy has another size than the piece; an endless one is left at its first byte too many
 */
export async function* readRange(
  url: string,
  from: number,
  to: number,
  sizeBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const response = await openGet(url, { range: `bytes=${from}-${to - 1}` }, CONNECT_MS, signal);
  try {
    const { statusCode, headers } = response;
    if (statusCode === 416) throw new WrongCopy(`the copy ends before byte ${from}`);
    if (statusCode !== 206) throw new Error(`the provider answers ${statusCode} for bytes ${from} to ${to}`);
    const range = headers['content-range'];
    if (range !== `bytes ${from}-${to - 1}/${sizeBytes}`) {
      throw new WrongCopy(`the copy gives "${range}" of a piece of ${sizeBytes} bytes`);
    }
    yield* inBlocks(withoutStall(response, STALL_MS), to - from);
  } finally {
    response.destroy();
  }
}

/** Parts of a body put together, exactly so many bytes; what came before a fault is given out before it. */
async function* inBlocks(body: AsyncIterable<Uint8Array>, bodyBytes: number): AsyncGenerator<Uint8Array> {
  const block = Buffer.allocUnsafeSlow(Math.min(READ_BLOCK_BYTES, bodyBytes));
  let filled = 0;
  let left = bodyBytes;
  let fault: { error: unknown } | undefined;
  const parts = body[Symbol.asyncIterator]();
  try {
    for (;;) {
      const part = await parts.next().catch((error: unknown) => void (fault = { error }));
      if (part === undefined || part.done === true) break;
      let bytes = part.value;
      left -= bytes.length;
      if (left < 0) throw new WrongCopy('the copy goes on after the end of the range');
      while (bytes.length > 0) {
        const taken = Math.min(bytes.length, block.length - filled);
        block.set(bytes.subarray(0, taken), filled);
        bytes = bytes.subarray(taken);
        filled += taken;
        if (filled < block.length) continue;
        yield block;
        filled = 0;
      }
      release(part.value);
    }
    if (filled > 0) yield block.subarray(0, filled);
    if (fault !== undefined) throw fault.error;
    if (left > 0) throw new Error(`the connection ended ${left} bytes early`);
  } finally {
    await parts.return?.();
    release(block);
  }
}
