/** Opens a source that is read once. */
export type Opener<T = Uint8Array> = (signal: AbortSignal) => AsyncIterable<T>;

interface Begun<T> {
  iterator: AsyncIterator<T>;
  first: Promise<IteratorResult<T>>;
}

/**
 * The same sources, to be read one after the other. While one is read the next begins: pieces are verified whole before their first
 * byte is given out, and nobody who reads them should wait for that but once. A source that was begun and is not read is closed.
 */
export function oneAhead<T>(openers: Opener<T>[]): Opener<T>[] {
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
        begin(i + 1, signal);
        let whole = false;
        try {
          for (let part = await source.first; part.done !== true; part = await source.iterator.next()) yield part.value;
          whole = true;
        } finally {
          if (!whole) {
            close(i + 1);
            await source.iterator.return?.();
          }
        }
      },
  );
}
