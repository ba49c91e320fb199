import { concatBytes, fromHex, sameBytes, toHex, type Bytes32 } from '../kernel/bytes.js';
import { corrupt, malformedHeader } from './envelope-errors.js';
import { MAX_FRAME_BYTES, MAX_INDEX_BYTES, MAX_PIECE_BYTES } from './limits.js';

/**
 * Header of a piece: a COSE_Encrypt0 structure (RFC 9052 section 5.2) with detached ciphertext, as the Filecoin Encryption
 * Envelope draft has it, but for the recipient: its key travels in the manifest (docs/envelope.md says why). Only this
 * one shape is written and only this one is read, so the encoder is a template and the parser a comparison against it:
 * there is no CBOR to be lenient about.
 */
export interface PieceHeader {
  datasetId: Bytes32;
  /** Names the shard and its key: COSE's key identifier. */
  shardId: Bytes32;
  /** Plaintext bytes of every frame but the last. */
  frameBytes: number;
  /** Plaintext bytes of all frames, length prefix and padding included. */
  plaintextBytes: number;
  /** 7 bytes; a frame's nonce is this, its number (u32, big-endian) and the last flag. */
  nonceBase: Uint8Array;
  /** Bytes of the index behind the frames, its tag included; left out if there is none. */
  indexBytes?: number | undefined;
}

export const NONCE_BASE_BYTES = 7;
/** Bytes of the length in front of the header. */
export const LENGTH_BYTES = 4;
/** The template gives at most 125 bytes; a length field that claims more would only make a reader wait and buffer. */
export const MAX_HEADER_BYTES = 128;

const ID_BYTES = 32;
const COSE_ENCRYPT0_TAG = 0xd0;
const ARRAY_3 = 0x83;
const BYTES_32 = [0x58, ID_BYTES];
/** A map of five entries, and of six: with an index. */
const MAP_5 = 0xa5;
const MAP_6 = 0xa6;
/** `{1: 3 (A256GCM), 4 (kid): h'shard id', ...`, in the order of RFC 8949 section 4.2.1. */
const PROTECTED_PREFIX = [0x01, 0x03, 0x04, ...BYTES_32];
/** Labels -70001 to -70004, of the private-use range: frame bytes, plaintext bytes, dataset id, index bytes. */
const FRAME_BYTES_LABEL = [0x3a, 0x00, 0x01, 0x11, 0x70];
const PLAINTEXT_BYTES_LABEL = [0x3a, 0x00, 0x01, 0x11, 0x71];
const DATASET_LABEL = [0x3a, 0x00, 0x01, 0x11, 0x72, ...BYTES_32];
const INDEX_BYTES_LABEL = [0x3a, 0x00, 0x01, 0x11, 0x73];
/** `{5 (IV): h'7 bytes'}`. */
const UNPROTECTED_PREFIX = [0xa1, 0x05, 0x40 | NONCE_BASE_BYTES];
const NIL = 0xf6;

/** The COSE bytes. SHA-256 of them is the additional data of every frame. @throws WeighbridgeError BAD_INPUT */
export function encodePieceHeader(header: PieceHeader): Uint8Array {
  if (!isPossible(header)) throw malformedHeader();
  const protectedMap = concatBytes(
    Uint8Array.of(header.indexBytes === undefined ? MAP_5 : MAP_6, ...PROTECTED_PREFIX),
    fromHex(header.shardId),
    Uint8Array.of(...FRAME_BYTES_LABEL, ...cborUint(header.frameBytes)),
    Uint8Array.of(...PLAINTEXT_BYTES_LABEL, ...cborUint(header.plaintextBytes)),
    Uint8Array.of(...DATASET_LABEL),
    fromHex(header.datasetId),
    indexEntry(header.indexBytes),
  );
  return concatBytes(
    Uint8Array.of(COSE_ENCRYPT0_TAG, ARRAY_3, 0x58, protectedMap.length),
    protectedMap,
    Uint8Array.of(...UNPROTECTED_PREFIX),
    header.nonceBase,
    Uint8Array.of(NIL),
  );
}

function indexEntry(indexBytes: number | undefined): Uint8Array {
  return indexBytes === undefined ? new Uint8Array(0) : Uint8Array.of(...INDEX_BYTES_LABEL, ...cborUint(indexBytes));
}

/** The header with its length in front: the first bytes of a piece. */
export function framePieceHeader(header: Uint8Array): Uint8Array {
  const framed = new Uint8Array(LENGTH_BYTES + header.length);
  new DataView(framed.buffer).setUint32(0, header.length);
  framed.set(header, LENGTH_BYTES);
  return framed;
}

/**
 * Reads the COSE bytes of a header, without the length in front.
 * @throws WeighbridgeError PIECE_CORRUPT unless they are byte for byte what `encodePieceHeader` writes.
 */
export function parsePieceHeader(bytes: Uint8Array): PieceHeader {
  // Every fixed byte is checked at once, by writing the header anew: an algorithm, label or length that differs is
  // refused here, so that a header cannot talk a reader into another cipher (RFC 9052 section 11).
  const shardAt = 4 + 1 + PROTECTED_PREFIX.length;
  const frameAt = shardAt + ID_BYTES + FRAME_BYTES_LABEL.length;
  const frameBytes = readCborUint(bytes, frameAt);
  const plaintextAt = frameAt + cborUint(frameBytes).length + PLAINTEXT_BYTES_LABEL.length;
  const plaintextBytes = readCborUint(bytes, plaintextAt);
  const datasetAt = plaintextAt + cborUint(plaintextBytes).length + DATASET_LABEL.length;
  const indexAt = datasetAt + ID_BYTES;
  const indexBytes = bytes[4] === MAP_6 ? readCborUint(bytes, indexAt + INDEX_BYTES_LABEL.length) : undefined;
  const nonceAt = indexAt + indexEntry(indexBytes).length + UNPROTECTED_PREFIX.length;
  const header: PieceHeader = {
    datasetId: `0x${toHex(bytes.subarray(datasetAt, datasetAt + ID_BYTES))}`,
    shardId: `0x${toHex(bytes.subarray(shardAt, shardAt + ID_BYTES))}`,
    frameBytes,
    plaintextBytes,
    nonceBase: bytes.slice(nonceAt, nonceAt + NONCE_BASE_BYTES),
    ...(indexBytes === undefined ? {} : { indexBytes }),
  };
  if (!isPossible(header) || !sameBytes(bytes, encodePieceHeader(header))) {
    throw corrupt('the header is not of weighbridge-envelope-v1');
  }
  return header;
}

/** @throws WeighbridgeError PIECE_CORRUPT for a length that no header has. */
export function pieceHeaderLength(bytes: Uint8Array): number {
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getUint32(0);
  if (length === 0 || length > MAX_HEADER_BYTES) throw corrupt(`a header of ${length} bytes`);
  return length;
}

function isPossible(header: PieceHeader): boolean {
  const { datasetId, shardId, frameBytes, plaintextBytes, nonceBase, indexBytes } = header;
  const isCount = (value: number, max: number): boolean => Number.isInteger(value) && value > 0 && value <= max;
  return (
    isCount(frameBytes, MAX_FRAME_BYTES) &&
    isCount(plaintextBytes, MAX_PIECE_BYTES) &&
    (indexBytes === undefined || isCount(indexBytes, MAX_INDEX_BYTES)) &&
    nonceBase.length === NONCE_BASE_BYTES &&
    [datasetId, shardId].every((id) => id.length === 2 + 2 * ID_BYTES)
  );
}

/** An unsigned integer in its one shortest form (RFC 8949 section 4.2.1), below 2^32. */
function cborUint(value: number): number[] {
  if (value < 24) return [value];
  if (value < 0x100) return [0x18, value];
  if (value < 0x10000) return [0x19, value >>> 8, value & 0xff];
  return [0x1a, value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** The integer at `at`, of any width; the comparison with the template refuses those that are not shortest. */
function readCborUint(bytes: Uint8Array, at: number): number {
  const head = bytes[at] ?? 0;
  if (head < 24) return head;
  const width = { 0x18: 1, 0x19: 2, 0x1a: 4 }[head] ?? 0;
  return bytes.subarray(at + 1, at + 1 + width).reduce((value, byte) => value * 256 + byte, 0);
}
