import { randomBytes } from 'node:crypto';
import { WeighbridgeError } from '../kernel/index.js';
import { associatedDataOf, KEY_BYTES, sealChunk, wrapContentKey } from './content-cipher.js';
import { encodePieceHeader, framePieceHeader, LENGTH_BYTES, NONCE_BASE_BYTES } from './header.js';
import { DEFAULT_CHUNK_BYTES, TAG_BYTES } from './limits.js';
import { rechunk } from './rechunk.js';

/** A stage of `stream.pipeline`: takes a byte stream, gives a byte stream. */
export type ByteTransform = (source: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array>;

export interface EncryptorOptions {
  /** 32 bytes: the dataset version's data key. It only wraps the piece's content key. */
  dataKey: Uint8Array;
  /** Plaintext bytes a chunk; 1 MiB unless given. */
  chunkBytes?: number;
}

/**
 * Encrypts one piece as `weighbridge-stream-v1` (ARCHITECTURE.md), under a content key of its own, in memory of a few
 * chunks: `pipeline(createReadStream(a), createPieceEncryptor({ dataKey }), createWriteStream(b))`.
 * The result serves one source; make another encryptor for another piece.
 * @throws WeighbridgeError BAD_INPUT for a data key or chunk size that cannot be.
 */
export function createPieceEncryptor(options: EncryptorOptions): ByteTransform {
  const encrypt = encryptPieceWith({
    ...options,
    contentKey: randomBytes(KEY_BYTES),
    nonceBase: randomBytes(NONCE_BASE_BYTES),
  });
  let used = false;
  return (source) => {
    // A second source under the same content key would repeat every nonce and give both plaintexts away.
    if (used) throw new Error('a piece encryptor encrypts one piece');
    used = true;
    return encrypt(source);
  };
}

/**
 * The same with a given content key and nonce base: for test vectors only, and so not exported by the module. A content
 * key that is used twice with one nonce base breaks both pieces.
 */
export function encryptPieceWith(
  options: EncryptorOptions & { contentKey: Uint8Array; nonceBase: Uint8Array },
): ByteTransform {
  const { dataKey, contentKey, nonceBase, chunkBytes = DEFAULT_CHUNK_BYTES } = options;
  if (dataKey.length !== KEY_BYTES || contentKey.length !== KEY_BYTES) {
    throw new WeighbridgeError('BAD_INPUT', 'a data key has 32 bytes', { next: 'Give the data key of the dataset.' });
  }
  const wrappedContentKey = wrapContentKey(dataKey, contentKey);
  const header = encodePieceHeader({ nonceBase, wrappedContentKey, chunkBytes });
  const cipher = { contentKey, nonceBase, associatedData: associatedDataOf(header) };
  return async function* encrypt(source) {
    yield framePieceHeader(header);
    for await (const { bytes, index, last } of rechunk(source, chunkBytes)) {
      yield* sealChunk(cipher, bytes, index, last);
    }
  };
}

/** Bytes of the piece that `plaintextBytes` encrypt to. */
export function encryptedPieceBytes(plaintextBytes: number, chunkBytes = DEFAULT_CHUNK_BYTES): number {
  const header = encodePieceHeader({
    nonceBase: new Uint8Array(NONCE_BASE_BYTES),
    wrappedContentKey: new Uint8Array(KEY_BYTES + 8),
    chunkBytes,
  });
  const chunks = Math.max(1, Math.ceil(plaintextBytes / chunkBytes));
  return LENGTH_BYTES + header.length + plaintextBytes + chunks * TAG_BYTES;
}
