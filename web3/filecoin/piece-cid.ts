import { varint } from 'multiformats';
import { CID } from 'multiformats/cid';
import * as Digest from 'multiformats/hashes/digest';
import * as Link from 'multiformats/link';
import { MAX_PIECE_BYTES } from '../../src/storage/index.js';

const RAW_CODEC = 0x55;
/** fr32-sha2-256-trunc254-padded-binary-tree, FRC-0069. */
const PIECE_MULTIHASH = 0x1011;
const ROOT_BYTES = 32;
const MIN_HEIGHT = 2;
/** Height of the tree over the largest piece. */
const MAX_HEIGHT = MIN_HEIGHT + Math.ceil(Math.log2(MAX_PIECE_BYTES / 127));

/** What a piece CID v2 says about its piece. */
export interface PieceCid {
  /** Text form, base32: also a safe file name. */
  text: string;
  /** The CID itself, as contracts take it. */
  bytes: Uint8Array;
  sizeBytes: number;
  /** Height of the tree; leaves are at height 0. */
  height: number;
  root: Uint8Array;
}

/**
 * Reads a piece CID, or gives undefined. Only the one canonical text of each piece passes, so a text can be compared,
 * kept and used as a file name: it has no other spelling, no path separator and no dot.
 */
export function parsePieceCid(text: string): PieceCid | undefined {
  const cid = decode(text);
  if (cid === undefined || cid.version !== 1 || cid.code !== RAW_CODEC || cid.multihash.code !== PIECE_MULTIHASH) {
    return undefined;
  }
  const digest = cid.multihash.digest;
  const heightAt = digest.length - ROOT_BYTES - 1;
  const padding = heightAt > 0 ? shortestVarint(digest.subarray(0, heightAt)) : undefined;
  const height = digest[heightAt] ?? 0;
  if (padding === undefined || height < MIN_HEIGHT || height > MAX_HEIGHT) return undefined;
  const sizeBytes = 2 ** (height - MIN_HEIGHT) * 127 - padding;
  if (sizeBytes <= 0 || cid.toString() !== text) return undefined;
  return { text, bytes: cid.bytes, sizeBytes, height, root: digest.slice(heightAt + 1) };
}

/** The same from the CID's bytes, as contracts give it. */
export function pieceCidFromBytes(bytes: Uint8Array): PieceCid | undefined {
  try {
    return parsePieceCid(CID.decode(bytes).toString());
  } catch {
    return undefined;
  }
}

/** The text form of the piece CID that these parts make. */
export function formatPieceCid(piece: Pick<PieceCid, 'sizeBytes' | 'height' | 'root'>): string {
  const padding = 2 ** (piece.height - MIN_HEIGHT) * 127 - piece.sizeBytes;
  const paddingBytes = varint.encodingLength(padding);
  const digest = new Uint8Array(paddingBytes + 1 + ROOT_BYTES);
  varint.encodeTo(padding, digest, 0);
  digest[paddingBytes] = piece.height;
  digest.set(piece.root, paddingBytes + 1);
  return Link.create(RAW_CODEC, Digest.create(PIECE_MULTIHASH, digest)).toString();
}

function decode(text: string): CID | undefined {
  try {
    return CID.parse(text);
  } catch {
    return undefined;
  }
}

/** The number if the bytes are one varint to their end, in its shortest form. */
function shortestVarint(bytes: Uint8Array): number | undefined {
  try {
    const [value, length] = varint.decode(bytes);
    return length === bytes.length && varint.encodingLength(value) === length ? value : undefined;
  } catch {
    return undefined;
  }
}
