import type { ErrorCode, Hex } from '../kernel/index.js';

/** Where an entry stands in the log. */
export interface Appended {
  index: number;
  /** A signed checkpoint of at least `index + 1` entries is durable when this is answered; it is published soon after. */
  leafHash: string;
}

export interface Waiting {
  code: ErrorCode;
  message: string;
}

/** A checkpoint in both forms: the C2SP signed note, and the signatures that LogAnchor asks for. */
export interface AnchorableCheckpoint {
  size: number;
  /** 32 bytes, hex without prefix. */
  root: string;
  /** The signed note, exactly as served at `/checkpoint`. */
  note: string;
  /** EIP-712 `Checkpoint` signatures of a quorum of witnesses, ordered by ascending signer address. */
  signatures: Hex[];
  /** Why this is not the newest that was asked for: entries are durable, and what would publish them does not answer. */
  waiting?: Waiting | undefined;
}

/**
 * The log as its users see it. An implementation MUST answer `append` only after the entry is durable (fsync) and under
 * a signed checkpoint, and MUST answer a second append of the same entry bytes with the first index: callers retry
 * freely. Entries are bytes; the log does not interpret them beyond the header line.
 */
export interface LogClient {
  /** @throws WeighbridgeError LOG_UNAVAILABLE (retryable), BAD_INPUT for an entry over 65,535 bytes or without header. */
  append(entry: Uint8Array): Promise<Appended>;
  /**
   * The newest published checkpoint. It covers every entry that was acknowledged before the call, unless the witnesses
   * that it needs do not answer: whoever needs a certain entry compares the size.
   */
  checkpoint(): Promise<AnchorableCheckpoint>;
  /** Bytes of one hash tile or entry bundle, by its C2SP path. @throws LOG_UNAVAILABLE */
  tile(path: string): Promise<Uint8Array>;
}
