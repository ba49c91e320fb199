import { WeighbridgeError } from '../../kernel/index.js';

/** Hashes in a full tile (C2SP tlog-tiles, height 8). */
export const TILE_WIDTH = 256;
export const HASH_BYTES = 32;

/** One hash tile, or with level `entries` the bundle of the entries below hash tile 0/index. */
export interface TileName {
  level: number | 'entries';
  index: number;
  /** 1 to 256; less than 256 is a partial tile. */
  width: number;
}

/** `tile/<L>/<N>[.p/<W>]`, N in groups of three digits, all but the last prefixed with x: 1234067 is `x001/x234/067`. */
export function tilePath({ level, index, width }: TileName): string {
  const groups = [index % 1000];
  for (let rest = Math.floor(index / 1000); rest > 0; rest = Math.floor(rest / 1000)) groups.unshift(rest % 1000);
  const digits = groups.map((g) => g.toString().padStart(3, '0'));
  const name = digits.map((d, i) => (i < digits.length - 1 ? `x${d}` : d)).join('/');
  return `tile/${level}/${name}${width < TILE_WIDTH ? `.p/${width}` : ''}`;
}

const PATH = /^tile\/(entries|\d|[1-5]\d|6[0-3])\/((?:x\d{3}\/){0,5}\d{3})(?:\.p\/([1-9]\d{0,2}))?$/;

/** Reads a path that must be spelled exactly as `tilePath` spells it. @throws WeighbridgeError BAD_INPUT */
export function parseTilePath(path: string): TileName {
  const match = PATH.exec(path);
  const name: TileName = {
    level: match?.[1] === 'entries' ? 'entries' : Number(match?.[1]),
    index: Number(match?.[2]?.replace(/[x/]/g, '')),
    width: match?.[3] === undefined ? TILE_WIDTH : Number(match[3]),
  };
  // `.p/256` and leading zero groups have another, shorter spelling.
  if (!match || !Number.isSafeInteger(name.index) || tilePath(name) !== path) {
    throw new WeighbridgeError('BAD_INPUT', 'not a tile path', {
      next: 'Ask for tile/<level>/<index> or tile/entries/<index> as C2SP tlog-tiles writes them.',
    });
  }
  return name;
}

/** Number of hashes that level `level` has in a tree of `size` entries. */
export function levelSize(size: number, level: number): number {
  return Math.floor(size / TILE_WIDTH ** level);
}

/** Width of tile `index` at `level` in a tree of `size` entries: 0 if the tree does not reach it. */
export function tileWidth(size: number, level: number | 'entries', index: number): number {
  const hashes = levelSize(size, level === 'entries' ? 0 : level) - index * TILE_WIDTH;
  return Math.max(0, Math.min(TILE_WIDTH, hashes));
}
