import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { readRange, READ_BLOCK_BYTES } from './read-range.js';

/** Ranges that are on their way from one copy. */
const READERS_A_COPY = 2;
/** A reader without a range looks so often whether another copy is too slow. */
const LOOK_MS = 100;
/** A range is taken from a copy that would need so many times as long for the rest of it as whoever waits, and so long besides. */
const SLOWER_TIMES = 2;
const PATIENCE_MS = 1_000;

/** Bytes that are wanted still: from `from`, which moves on as they come, to before `to`. */
export interface Range {
  from: number;
  to: number;
}

/** Providers that were left for a faster one, by the URL that their pieces are under: they are given ranges after all others. */
export type SlowProviders = Set<string>;

export interface RangeTarget {
  file: FileHandle;
  sizeBytes: number;
  slow: SlowProviders;
  signal: AbortSignal | undefined;
  /** Hears of bytes once they are in the file. */
  onBytes(url: string, count: number): void;
  /** Hears of a copy that failed. */
  onFault(url: string, error: unknown): void;
}

/** A range that is on its way. */
interface Flight {
  url: string;
  range: Range;
  beganAt: number;
  beganMs: number;
  leave: AbortController;
}

/**
 * Writes ranges into a file, from all copies at once, until none is left or every copy has failed: what is left stays in `open`.
 * A copy that fails is asked for no other range. Whoever has nothing left to fetch takes over, at its byte, the range of a copy that
 * is far slower, so that the slowest copy does not say how long a piece takes.
 * @param urls - those that are asked first come first
 */
export async function fetchRound(target: RangeTarget, urls: string[], open: Range[]): Promise<void> {
  const { file, sizeBytes, slow, signal } = target;
  const flights = new Set<Flight>();
  const msPerByte = new Map<string, number>();
  let landing = new AbortController();

  /** @returns whether all of it came */
  const fetch = async (url: string, range: Range): Promise<boolean> => {
    const flight = { url, range, beganAt: range.from, beganMs: performance.now(), leave: new AbortController() };
    const stop = signal === undefined ? flight.leave.signal : AbortSignal.any([signal, flight.leave.signal]);
    flights.add(flight);
    try {
      for await (const bytes of readRange(url, range.from, range.to, sizeBytes, stop)) {
        await writeAt(file, bytes, range.from);
        range.from += bytes.length;
        target.onBytes(url, bytes.length);
      }
      msPerByte.set(url, (performance.now() - flight.beganMs) / (range.to - flight.beganAt));
      slow.delete(providerOf(url));
      return true;
    } catch (error) {
      if (range.from < range.to) open.push(range); // goes on at its byte
      if (flight.leave.signal.aborted) slow.add(providerOf(url));
      else target.onFault(url, error);
      return false;
    } finally {
      flights.delete(flight);
      landing.abort();
      landing = new AbortController();
    }
  };

  /** The next range, which may be one that another copy is left with. */
  const nextFor = async (url: string): Promise<Range | undefined> => {
    for (;;) {
      const range = open.shift();
      if (range !== undefined) return range;
      const others = [...flights].filter((flight) => flight.url !== url);
      if (others.length === 0) return undefined;
      others.find((flight) => isSlower(flight, msPerByte.get(url)))?.leave.abort();
      await sleep(LOOK_MS, undefined, { signal: landing.signal }).catch(() => undefined);
    }
  };

  const readers = Array.from({ length: READERS_A_COPY }, () => urls).flat();
  // In turns: a piece of two ranges comes from two copies.
  const [fast, late] = [
    readers.filter((url) => !slow.has(providerOf(url))),
    readers.filter((url) => slow.has(providerOf(url))),
  ];
  await Promise.all(
    [...fast, ...late].map(async (url) => {
      let range = await nextFor(url);
      while (range !== undefined && (await fetch(url, range))) range = await nextFor(url);
    }),
  );
}

/** What has come of a block is not seen before it is full, so each flight is taken to have brought one block more than it did. */
function isSlower({ range, beganAt, beganMs }: Flight, oursMsPerByte = 0): boolean {
  const leftBytes = range.to - range.from;
  const theirsMs = ((performance.now() - beganMs) / (range.from - beganAt + READ_BLOCK_BYTES)) * leftBytes;
  return theirsMs > SLOWER_TIMES * oursMsPerByte * leftBytes + PATIENCE_MS;
}

/** What the URLs of a provider's copies have in common. */
export const providerOf = (url: string): string => new URL('..', url).href;

/** `FileHandle.write` may write less than it was given. */
async function writeAt(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += (await file.write(bytes, at, bytes.length - at, position + at)).bytesWritten;
  }
}
