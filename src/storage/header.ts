import { concatBytes, sameBytes, WeighbridgeError } from '../kernel/index.js';
import { MAX_CHUNK_BYTES } from './limits.js';

/**
 * Header of a piece: a COSE_Encrypt structure (RFC 9052 section 5.1) with one A256KW recipient, as the Filecoin
 * Encryption Envelope draft has it. Only this one shape is written and only this one is read, so the encoder is a
 * template and the parser a comparison against it: there is no CBOR to be lenient about.
 */
export interface PieceHeader {
  /** The COSE_Encrypt bytes. SHA-256 of them is the additional data of every chunk. */
  header: Uint8Array;
  /** 7 bytes; a chunk's nonce is this, its index (u32, big-endian) and the last flag. */
  nonceBase: Uint8Array;
  /** 40 bytes: the content key wrapped by the dataset version's data key, RFC 3394. */
  wrappedContentKey: Uint8Array;
  /** Plaintext bytes of every chunk but the last. */
  chunkBytes: number;
  /** Length of `header`; the first chunk starts at `4 + headerLength`. */
  headerLength: number;
}

export const NONCE_BASE_BYTES = 7;
export const WRAPPED_KEY_BYTES = 40;
/** Bytes of the length in front of the header. */
export const LENGTH_BYTES = 4;
/** The template gives 76 bytes; a length field that claims more would only make a reader wait and buffer. */
export const MAX_HEADER_BYTES = 128;

const COSE_ENCRYPT_TAG = [0xd8, 0x60];
const ARRAY_4 = 0x84;
/** `{1: 3 (A256GCM), -70001: ...`: label -70001 is in the private-use range. */
const PROTECTED_PREFIX = [0xa2, 0x01, 0x03, 0x3a, 0x00, 0x01, 0x11, 0x70];
/** `{5 (IV): h'7 bytes`. */
const UNPROTECTED_PREFIX = [0xa1, 0x05, 0x40 | NONCE_BASE_BYTES];
/** `nil, [[h'', {1: -5 (A256KW)}, h'40 bytes`: detached ciphertext, one recipient. */
const RECIPIENT_PREFIX = [0xf6, 0x81, 0x83, 0x40, 0xa1, 0x01, 0x24, 0x58, WRAPPED_KEY_BYTES];

/** @throws WeighbridgeError BAD_INPUT for fields that no reader would take. */
export function encodePieceHeader(
  fields: Pick<PieceHeader, 'nonceBase' | 'wrappedContentKey' | 'chunkBytes'>,
): Uint8Array {
  const { nonceBase, wrappedContentKey, chunkBytes } = fields;
  if (
    nonceBase.length !== NONCE_BASE_BYTES ||
    wrappedContentKey.length !== WRAPPED_KEY_BYTES ||
    !isChunkBytes(chunkBytes)
  ) {
    throw new WeighbridgeError(
      'BAD_INPUT',
      'a piece header needs a 7-byte nonce base, a 40-byte key and a chunk size',
      {
        next: `Give a chunk size from 1 to ${MAX_CHUNK_BYTES} bytes.`,
      },
    );
  }
  const protectedMap = Uint8Array.of(...PROTECTED_PREFIX, ...cborUint(chunkBytes));
  return concatBytes(
    Uint8Array.of(...COSE_ENCRYPT_TAG, ARRAY_4, 0x40 | protectedMap.length),
    protectedMap,
    Uint8Array.of(...UNPROTECTED_PREFIX),
    nonceBase,
    Uint8Array.of(...RECIPIENT_PREFIX),
    wrappedContentKey,
  );
}

/** The header with its length in front: the first bytes of a piece. */
export function framePieceHeader(header: Uint8Array): Uint8Array {
  const framed = new Uint8Array(LENGTH_BYTES + header.length);
  new DataView(framed.buffer).setUint32(0, header.length);
  framed.set(header, LENGTH_BYTES);
  return framed;
}

/**
 * Reads the header at the start of a piece. `bytes` may go on after it.
 * @throws WeighbridgeError PIECE_CORRUPT unless the header is byte for byte what `encodePieceHeader` writes.
 */
export function parsePieceHeader(bytes: Uint8Array): PieceHeader {
  const headerLength = pieceHeaderLength(bytes);
  if (bytes.length < LENGTH_BYTES + headerLength) throw corrupt('the piece ends within its header');
  const header = bytes.slice(LENGTH_BYTES, LENGTH_BYTES + headerLength);

  const protectedStart = COSE_ENCRYPT_TAG.length + 2;
  const chunkBytes = readCborUint(header, protectedStart + PROTECTED_PREFIX.length);
  const unprotectedStart = protectedStart + PROTECTED_PREFIX.length + cborUint(chunkBytes).length;
  const nonceStart = unprotectedStart + UNPROTECTED_PREFIX.length;
  const keyStart = nonceStart + NONCE_BASE_BYTES + RECIPIENT_PREFIX.length;
  const nonceBase = header.slice(nonceStart, nonceStart + NONCE_BASE_BYTES);
  const wrappedContentKey = header.slice(keyStart, keyStart + WRAPPED_KEY_BYTES);

  const whole = nonceBase.length === NONCE_BASE_BYTES && wrappedContentKey.length === WRAPPED_KEY_BYTES;
  if (!whole || !isChunkBytes(chunkBytes)) throw corrupt('malformed header');
  // Every fixed byte is checked at once: an algorithm, label or length that differs is refused here, so that a header
  // cannot talk a reader into another cipher (RFC 9052 section 11).
  if (!sameBytes(header, encodePieceHeader({ nonceBase, wrappedContentKey, chunkBytes }))) {
    throw corrupt('the header is not of weighbridge-stream-v1');
  }
  return { header, nonceBase, wrappedContentKey, chunkBytes, headerLength };
}

/** @throws WeighbridgeError PIECE_CORRUPT for fewer than 4 bytes or a length that no header has. */
export function pieceHeaderLength(bytes: Uint8Array): number {
  if (bytes.length < LENGTH_BYTES) throw corrupt('the piece ends before its header');
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getUint32(0);
  if (length === 0 || length > MAX_HEADER_BYTES) throw corrupt(`a header of ${length} bytes`);
  return length;
}

export function corrupt(what: string): WeighbridgeError {
  return new WeighbridgeError('PIECE_CORRUPT', `This is not the piece that was encrypted: ${what}.`, {
    next: 'Fetch the piece from another copy; if every copy fails, tell its seller.',
  });
}

function isChunkBytes(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= MAX_CHUNK_BYTES;
}

/** Shortest form, as RFC 8949 section 4.2.1 (deterministic encoding) demands. */
function cborUint(value: number): number[] {
  if (value < 24) return [value];
  if (value < 0x100) return [0x18, value];
  if (value < 0x1_0000) return [0x19, value >>> 8, value & 0xff];
  return [0x1a, value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** Reads any length of integer; a longer form than needed fails the comparison with the template afterwards. */
function readCborUint(bytes: Uint8Array, at: number): number {
  const first = bytes[at] ?? 0xff;
  if (first < 24) return first;
  const width = { 0x18: 1, 0x19: 2, 0x1a: 4 }[first];
  if (width === undefined || at + 1 + width > bytes.length) throw corrupt('malformed header');
  return bytes.subarray(at + 1, at + 1 + width).reduce((value, byte) => value * 256 + byte, 0);
}
