/** Opens a source that is read once. */
export type Opener<T = Uint8Array> = (signal: AbortSignal) => AsyncIterable<T>;

interface Begun<T> {
  iterator: AsyncIterator<T>;
  first: Promise<IteratorResult<T>>;
}

/** While a piece is read, the one behind it is hashed to its end, and of the one after that the bytes arrive. */
const AHEAD = 2;

/**
 * The same sources, to be read one after the other. While one is read the next ones begin: pieces are verified whole before their first
 * byte is given out, and nobody who reads them should wait for that but once. A source that was begun and is not read is closed.
 */
export function readAhead<T>(openers: Opener<T>[]): Opener<T>[] {
  const begun = new Map<number, Begun<T>>();
  const begin = (i: number, signal: AbortSignal): Begun<T> | undefined => {
    const known = begun.get(i);
    const opener = openers[i];
    if (known !== undefined || opener === undefined) return known;
    const iterator = opener(signal)[Symbol.asyncIterator]();
    const first = iterator.next();
    first.catch(() => undefined); // its reader hears of it
    begun.set(i, { iterator, first });
    signal.addEventListener('abort', () => close(i), { once: true });
    return begun.get(i);
  };
  const close = (i: number): void => {
    const unread = begun.get(i);
    begun.delete(i);
    void unread?.iterator.return?.().catch(() => undefined);
  };
  return openers.map(
    (_opener, i) =>
      async function* read(signal) {
        const source = begin(i, signal);
        if (source === undefined) return;
        begun.delete(i);
        for (let ahead = 1; ahead <= AHEAD; ahead++) begin(i + ahead, signal);
        let whole = false;
        try {
          for (let part = await source.first; part.done !== true; part = await source.iterator.next()) yield part.value;
          whole = true;
        } finally {
          if (!whole) {
            for (let ahead = 1; ahead <= AHEAD; ahead++) close(i + ahead);
            await source.iterator.return?.();
          }
        }
      },
  );
}
