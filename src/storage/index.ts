export { createPieceDecryptor, splitPiece, type CipherChunk, type SplitPiece } from './decrypt-stream.js';
export {
  createPieceEncryptor,
  encryptedPieceBytes,
  type ByteTransform,
  type EncryptorOptions,
} from './encrypt-stream.js';
export { parsePieceHeader, type PieceHeader } from './header.js';
export { DEFAULT_CHUNK_BYTES, MAX_PIECE_BYTES, MIN_PIECE_BYTES, TAG_BYTES } from './limits.js';
export type { PieceStore, StoredPiece } from './ports.js';
