/** One stored piece of ciphertext. */
export interface StoredPiece {
  /** PieceCIDv2 (CommP), text form. */
  pieceCid: string;
  sizeBytes: number;
}

/**
 * Content-addressed storage of ciphertext. An implementation MUST verify the piece CID against the bytes on the way
 * out as well as in: a provider is not trusted.
 */
export interface PieceStore {
  /**
   * Stores one piece and returns once the storage contract on chain lists it. Uploading a piece that the provider already
   * has costs no second transfer.
   * @throws WeighbridgeError PROVIDER_DOWN (retryable), NO_BALANCE, DISK_FULL, DIGEST_MISMATCH
   */
  upload(piece: StoredPiece, filePath: string, onProgress?: (sentBytes: number) => void): Promise<StoredPiece>;
  /**
   * The bytes of a piece, in order. The iterable throws PIECE_CORRUPT at the end if they do not hash to `pieceCid`: a
   * consumer MUST NOT use what it read before the iterable ended well, unless each chunk authenticates by itself.
   * @throws WeighbridgeError PROVIDER_DOWN (retryable), PIECE_CORRUPT
   */
  download(pieceCid: string, signal?: AbortSignal): AsyncIterable<Uint8Array>;
}
