import type { CopyRef } from './copies.js';

/** Notes how long a named step of other work takes. Steps may overlap. */
export type StepTimer = <T>(step: string, work: () => Promise<T>) => Promise<T>;

/** One stored piece of ciphertext. */
export interface StoredPiece {
  /** PieceCIDv2 (CommP), text form. */
  pieceCid: string;
  sizeBytes: number;
}

/** One upload of many pieces: they travel side by side and come on chain together. */
export interface UploadSession {
  /** Whether the provider has the bytes of a piece already. @throws WeighbridgeError PROVIDER_DOWN (retryable) */
  holds(pieceCid: string): Promise<boolean>;
  /**
   * Sends the bytes of one piece to the provider. The CID is asked for after the last byte, so a piece can travel while
   * it is made. Nothing is kept if the bytes are another piece. Several may run at once. A block of `bytes` may be
   * overwritten once the next one is asked for: an implementation MUST NOT keep it.
   * @throws WeighbridgeError PROVIDER_DOWN (retryable), DISK_FULL, DIGEST_MISMATCH; a fault of `bytes` as it is
   */
  send(
    bytes: AsyncIterable<Uint8Array>,
    pieceCid: () => string,
    onProgress?: (sentBytes: number) => void,
  ): Promise<void>;
  /**
   * Has every further provider copy the pieces from the first, and brings them on chain at each; returns once the storage
   * contract lists them all at all. A repeat with the same pieces in the same order adds and pays nothing twice.
   * @returns the copies
   * @throws WeighbridgeError PROVIDER_DOWN (retryable), NO_BALANCE
   */
  commit(pieces: StoredPiece[]): Promise<CopyRef[]>;
}

/**
 * Content-addressed storage of ciphertext. An implementation MUST verify the piece CID against the bytes on the way
 * out as well as in: a provider is not trusted.
 */
export interface PieceStore {
  /**
   * Chooses a provider that answers, and sees that the payer has what about so many bytes cost. Paying it in goes on while
   * bytes are sent: `commit` waits for it, and pays in the rest, if any.
   * @throws WeighbridgeError PROVIDER_DOWN (retryable), NO_BALANCE
   */
  open(estimatedBytes: number): Promise<UploadSession>;
  /**
   * The bytes of a piece, in order. The iterable throws PIECE_CORRUPT at the end if they do not hash to `pieceCid`: a
   * consumer MUST NOT use what it read before the iterable ended well, unless each frame authenticates by itself. A block is
   * good until the next one is asked for: its memory is used again.
   * @param onProgress - hears how many bytes have arrived, fewer again where they are fetched anew; MUST NOT throw
   * @throws WeighbridgeError PROVIDER_DOWN (retryable), PIECE_CORRUPT
   */
  download(
    pieceCid: string,
    signal?: AbortSignal,
    onProgress?: (fetchedBytes: number) => void,
  ): AsyncIterable<Uint8Array>;
}

/** Parts of pieces, for readers that need no more. */
export interface PieceParts {
  /**
   * Bytes of a piece from `from` to before `to`, from whichever copy gives them. They are NOT held against the piece CID: a
   * caller MUST authenticate what it uses. A `to` beyond the end of the piece means its end.
   * @throws WeighbridgeError PROVIDER_DOWN (retryable)
   */
  part(pieceCid: string, from: number, to: number): Promise<Uint8Array>;
}

/** Neighbouring blocks of a piece, both ends included; a block has `PIECE_BLOCK_BYTES`, the last one of a piece fewer. */
export interface BlockRun {
  first: number;
  last: number;
}

/** What blocks of a piece are held against. */
export interface BlockRoots {
  /** Of the piece's first blocks, 32 bytes each. */
  roots: Uint8Array;
  /** Every byte of the piece behind them. */
  tail: Uint8Array;
}

/** Parts of pieces, with the means to hold them against the piece CID. */
export interface VerifiedParts extends PieceParts {
  /**
   * Blocks of a piece, one by one, in the order of the runs. Roots and tail are held against the piece CID first, and each block
   * against its root before it is given out: a copy that gives another one is left for the next.
   * @throws WeighbridgeError PIECE_CORRUPT, PROVIDER_DOWN (retryable)
   */
  blocks(
    pieceCid: string,
    known: BlockRoots,
    runs: readonly BlockRun[],
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array>;
}
