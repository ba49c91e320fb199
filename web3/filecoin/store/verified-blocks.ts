import { PIECE_BLOCK_BYTES, type BlockRoots, type BlockRun } from '../../../src/storage/index.js';
import { blockRoot, NODE_BYTES, PieceHasher } from '../commp.js';
import { askInTurn, type Copies } from './ask-in-turn.js';
import { corruptPiece } from './fetch-piece.js';
import { readRange, WrongCopy } from './read-range.js';

/** Blocks that are asked for at once, 4 MiB. */
const BLOCKS_A_READ = 16;
/** Reads that are on their way while one is taken. */
const AHEAD = 4;

/**
 * Blocks of a piece, each held against its root before it is given out, and all roots against the piece CID before that.
 * @throws WeighbridgeError PIECE_CORRUPT, PROVIDER_DOWN (retryable)
 */
export async function* verifiedBlocks(
  source: Copies & { signal: AbortSignal },
  known: BlockRoots,
  runs: readonly BlockRun[],
): AsyncGenerator<Uint8Array> {
  const { piece, suspects } = source;
  const held = new PieceHasher().writeRoots(known.roots).write(known.tail);
  if (held.size !== piece.sizeBytes || held.digest() !== piece.text) throw corruptPiece(piece.text, suspects);
  const first = known.roots.length / NODE_BYTES; // of those whose bytes are at hand
  const reads = runs
    .flatMap((run) => readsOf(run))
    .map((run, number) => (): Promise<Uint8Array> | Uint8Array => {
      if (run.first >= first) return bytesOf(known.tail, run.first - first, run.last - first);
      // In turns: each copy gives its part.
      const turn = number % source.urls.length;
      const urls = [...source.urls.slice(turn), ...source.urls.slice(0, turn)];
      return fetchRun({ ...source, urls }, known, { first: run.first, last: run.last });
    });
  const begun: Promise<Uint8Array>[] = [];
  const begin = (): void => {
    const read = reads.shift();
    if (read === undefined) return;
    const bytes = Promise.resolve(read());
    bytes.catch(() => undefined); // whoever takes it hears of it
    begun.push(bytes);
  };
  for (let i = 0; i < AHEAD; i++) begin();
  for (let next = begun.shift(); next !== undefined; next = begun.shift()) {
    const bytes = await next;
    begin();
    for (let at = 0; at < bytes.length; at += PIECE_BLOCK_BYTES) yield bytes.subarray(at, at + PIECE_BLOCK_BYTES);
  }

  /** In reads that are not too large, and that are either of blocks with roots or of those at hand. */
  function readsOf(run: BlockRun): BlockRun[] {
    const cut: BlockRun[] = [];
    for (let from = run.first; from <= run.last;) {
      const border = from < first ? first - 1 : Infinity;
      const last = Math.min(run.last, from + BLOCKS_A_READ - 1, border);
      cut.push({ first: from, last });
      from = last + 1;
    }
    return cut;
  }
}

function bytesOf(bytes: Uint8Array, first: number, last: number): Uint8Array {
  return bytes.subarray(first * PIECE_BLOCK_BYTES, (last + 1) * PIECE_BLOCK_BYTES);
}

/** From the first copy that gives the right ones. */
async function fetchRun(source: Copies, { roots }: BlockRoots, { first, last }: BlockRun): Promise<Uint8Array> {
  const bytes = new Uint8Array((last - first + 1) * PIECE_BLOCK_BYTES);
  const from = first * PIECE_BLOCK_BYTES;
  return askInTurn(source, async (url, signal) => {
    let at = 0;
    for await (const part of readRange(url, from, from + bytes.length, source.piece.sizeBytes, signal)) {
      bytes.set(part, at);
      at += part.length;
    }
    for (let block = first; block <= last; block++) {
      const root = blockRoot(bytesOf(bytes, block - first, block - first));
      const right = roots.subarray(block * NODE_BYTES, (block + 1) * NODE_BYTES);
      if (Buffer.compare(root, right) !== 0) throw new WrongCopy(`block ${block} of the copy is another one`);
    }
    return bytes;
  });
}
