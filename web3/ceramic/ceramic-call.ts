import { WeighbridgeError } from '../../src/kernel/index.js';

const CALL_TIMEOUT_MS = 20_000;

/**
 * Runs one call of a Ceramic node under a time limit (that of Ceramic's client is three minutes and cannot be set).
 * @param call - may let go at its signal; it is given up then in any case
 * @throws WeighbridgeError CERAMIC_UNAVAILABLE, retryable, for whatever went wrong
 */
export async function ceramicCall<T>(what: string, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const given = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CALL_TIMEOUT_MS} ms`)), CALL_TIMEOUT_MS);
  });
  try {
    return await Promise.race([call(given.signal), late]);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new WeighbridgeError('CERAMIC_UNAVAILABLE', `Ceramic: ${what} failed: ${reason}`, {
      next: 'Check that the Ceramic node runs and try again; nothing else waits for it.',
      retryable: true,
      cause,
    });
  } finally {
    clearTimeout(timer);
    given.abort();
  }
}
