const CONNECT_MS = 10_000;
/** A copy that sends nothing for so long is left for another one. */
const STALL_MS = 30_000;

/** What a provider calls the piece has another size. */
export class WrongCopy extends Error {}

/**
 * The bytes of a copy from `from` to before `to`.
 * @throws WrongCopy if the copy has another size than the piece; an endless one is left at its first byte too many
 */
export async function* readRange(
  url: string,
  from: number,
  to: number,
  sizeBytes: number,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const idle = new AbortController();
  const stalled = (): void => idle.abort(new DOMException('the provider stalls', 'TimeoutError'));
  let timer = setTimeout(stalled, CONNECT_MS);
  try {
    const response = await fetch(url, {
      headers: { range: `bytes=${from}-${to - 1}` },
      signal: signal ? AbortSignal.any([signal, idle.signal]) : idle.signal,
      redirect: 'error', // a provider is not trusted to send us elsewhere
    });
    if (response.status === 416) throw new WrongCopy(`the copy ends before byte ${from}`);
    if (response.status !== 206 || response.body === null) {
      throw new Error(`the provider answers ${response.status} for bytes ${from} to ${to}`);
    }
    const range = response.headers.get('content-range');
    if (range !== `bytes ${from}-${to - 1}/${sizeBytes}`) {
      throw new WrongCopy(`the copy gives "${range}" of a piece of ${sizeBytes} bytes`);
    }
    const body = response.body.getReader();
    for (let left = to - from; ;) {
      clearTimeout(timer); // it runs while we wait for the provider, not while the consumer takes its time
      timer = setTimeout(stalled, STALL_MS);
      const { done, value } = await body.read();
      clearTimeout(timer);
      if (done && left > 0) throw new Error(`the connection ended ${left} bytes early`);
      if (done) return;
      left -= value.length;
      if (left < 0) throw new WrongCopy('the copy goes on after the end of the range');
      yield value;
    }
  } finally {
    clearTimeout(timer);
    idle.abort();
  }
}
