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
