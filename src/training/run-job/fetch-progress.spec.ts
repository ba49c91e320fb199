import { expect, it } from 'vitest';
import { PIECE_BLOCK_BYTES, type BlockRun } from '../../storage/index.js';
import { countedPieces } from './fetch-progress.js';

const SMALL = [
  { pieceCid: 'first', sizeBytes: 100 },
  { pieceCid: 'second', sizeBytes: 50 },
];
const { signal } = new AbortController();

/** Pieces whose bytes arrive as a test says, with a clock that it sets. */
function world(pieces = SMALL) {
  const heard: [number, number][] = [];
  const arrivals = new Map<string, (bytes: number) => void>();
  let nowMs = 0;
  async function* download(pieceCid: string, _signal?: AbortSignal, onProgress?: (bytes: number) => void) {
    arrivals.set(pieceCid, onProgress ?? (() => undefined));
    yield new TextEncoder().encode(pieceCid);
  }
  const blockBytes = [PIECE_BLOCK_BYTES, PIECE_BLOCK_BYTES, 3];
  async function* blocks() {
    for (const length of blockBytes) {
      nowMs += 250;
      yield new Uint8Array(length);
    }
  }
  const part = async () => new Uint8Array(0);
  const opened = countedPieces(
    pieces,
    { pieces: { download }, parts: { part, blocks } },
    (fetched, of) => heard.push([fetched, of]),
    () => nowMs,
  );
  return {
    heard,
    open: async (number: number) => {
      let text = '';
      for await (const part of opened.pieces[number]?.(signal) ?? []) text += new TextDecoder().decode(part);
      return text;
    },
    /** Reads blocks of these runs; the source has three, the last of them short. */
    openBlocks: async (pieceCid: string, runs: BlockRun[]) => {
      const known = { roots: new Uint8Array(0), tail: new Uint8Array(0) };
      let bytes = 0;
      for await (const block of opened.parts?.blocks(pieceCid, known, runs, signal) ?? []) bytes += block.length;
      return bytes;
    },
    arrive: (pieceCid: string, bytes: number, afterMs = 250) => {
      nowMs += afterMs;
      arrivals.get(pieceCid)?.(bytes);
    },
  };
}

it('gives the pieces as they are, and counts the bytes of all of them', async () => {
  const { heard, open, arrive } = world();
  expect(await open(0)).toBe('first');
  arrive('first', 60);
  expect(await open(1)).toBe('second');
  arrive('second', 20);
  arrive('first', 100);
  arrive('second', 50);
  expect(heard).toEqual([
    [60, 150],
    [80, 150],
    [120, 150],
    [150, 150],
  ]);
});

it('counts a piece that is fetched again by its furthest byte, and never more than it has', async () => {
  const { heard, open, arrive } = world();
  await open(0);
  arrive('first', 70);
  await open(0);
  arrive('first', 10);
  arrive('first', 70);
  arrive('first', 71);
  arrive('first', 1_000);
  await open(0);
  arrive('first', 1_000);
  expect(heard.map(([fetched]) => fetched)).toEqual([70, 71, 100]);
});

it('stays below the total where a piece was shorter', async () => {
  const { heard, open, arrive } = world();
  await Promise.all([open(0), open(1)]);
  arrive('first', 90);
  arrive('second', 50);
  expect(heard.at(-1)).toEqual([140, 150]);
});

it('tells of it four times a second, and of the last byte at once', async () => {
  const { heard, open, arrive } = world();
  await Promise.all([open(0), open(1)]);
  for (let bytes = 1; bytes <= 100; bytes++) arrive('first', bytes, 10);
  arrive('second', 50, 1);
  expect(heard.map(([fetched]) => fetched)).toEqual([1, 26, 51, 76, 150]);
});

it('counts the blocks of pieces that come by columns, and takes the others to be read alike until they are begun', async () => {
  const large = [
    { pieceCid: 'first', sizeBytes: 9 * PIECE_BLOCK_BYTES + 3 },
    { pieceCid: 'second', sizeBytes: 9 * PIECE_BLOCK_BYTES + 3 },
  ];
  const { heard, openBlocks, open, arrive } = world(large);
  const wanted = 2 * PIECE_BLOCK_BYTES + 3;
  expect(await openBlocks('first', [{ first: 1, last: 2 }, { first: 9, last: 9 }])).toBe(wanted); // prettier-ignore
  expect(heard).toEqual([
    [PIECE_BLOCK_BYTES, 2 * wanted],
    [2 * PIECE_BLOCK_BYTES, 2 * wanted],
    [wanted, 2 * wanted],
  ]);
  // The second has to be read whole.
  await open(1);
  arrive('second', large[1]?.sizeBytes ?? 0);
  const all = wanted + (large[1]?.sizeBytes ?? 0);
  expect(heard.at(-1)).toEqual([all, all]);
});
