/**
 * Size of a piece that Filecoin Onchain Cloud takes, ciphertext bytes. 1 GiB of fr32 leaves is 127/128 of that in bytes;
 * a piece CID v2 is not defined below 127 bytes (FRC-0069).
 */
export const MAX_PIECE_BYTES = 1_065_353_216;
export const MIN_PIECE_BYTES = 127;

/** Plaintext bytes in one frame, unless a piece says otherwise: what a range read fetches at least. */
export const DEFAULT_FRAME_BYTES = 1 << 18;
/** A reader holds one frame in memory: a header that asks for more is refused. */
export const MAX_FRAME_BYTES = 16 << 20;
/** AES-GCM authentication tag. */
export const TAG_BYTES = 16;

/** Bytes whose hash is one node of a piece CID's tree, 2^13 leaves of fr32: what is held against the piece CID by itself. */
export const PIECE_BLOCK_BYTES = 260_096;
/** A node of that tree. */
export const NODE_BYTES = 32;
/** What an index says of where columns are takes at most so little of its shard; otherwise there is none. */
export const LAYOUT_SHARE = 256;
export const MAX_INDEX_BYTES = 16 << 20;
