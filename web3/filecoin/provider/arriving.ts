import { finished, type Readable } from 'node:stream';

/** What is written to disk at once: a network's parts are small. */
const WRITE_BYTES = 1 << 20;
/** Of parts that are smaller still, fewer bytes are: each takes memory beside its bytes. */
const MAX_PARTS = 64;

/**
 * The parts of a body, as many together as are worth a write to disk; the next ones arrive meanwhile, and no more than those. Whoever
 * takes 64 KiB at a time from an async iterator is busy with promises half of the time.
 * @throws the fault of the body, once what came before it was given out
 */
export async function* arriving(body: Readable): AsyncGenerator<Uint8Array[]> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  let end: { error: unknown } | undefined;
  let wake: () => void = () => undefined;
  const isFull = (): boolean => bytes >= WRITE_BYTES || parts.length >= MAX_PARTS;
  const take = (part: Uint8Array): void => {
    parts.push(part);
    bytes += part.length;
    if (!isFull()) return;
    body.pause();
    wake();
  };
  // Its listeners stay: a fault that comes after the last reader must not end the process.
  finished(body, (error) => {
    end = { error };
    wake();
  });
  body.on('data', take);
  try {
    while (end === undefined || bytes > 0) {
      if (!isFull() && end === undefined) await new Promise<void>((resolve) => (wake = resolve));
      const together = parts;
      [parts, bytes] = [[], 0];
      body.resume();
      if (together.length > 0) yield together;
    }
    if (end.error != null) throw end.error;
  } finally {
    body.off('data', take);
  }
}
