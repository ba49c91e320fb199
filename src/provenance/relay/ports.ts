import type { Address, Bytes32 } from '../../kernel/index.js';
import type { RecordType } from '../statements.js';
import type { RecordBatch } from './record-batch.js';

/** Where a published batch stands on Ceramic. */
export interface PublishedBatch {
  /** Depends on controller, model, key id and sequence number alone. */
  streamId: string;
  /** The stream at its content commit: binds the content as well. */
  commitId: string;
}

export interface LoadedBatch extends PublishedBatch {
  batch: RecordBatch;
  /** True once the node has anchored the content in time. */
  anchored: boolean;
}

/**
 * The public streams of a dataset's records. An implementation MUST give the same (key id, seq) the same stream, so that
 * publishing again after a crash makes nothing new; MUST answer `publishBatch` only after it has read the content back;
 * and MUST verify by itself (hashes, links, signature, controller) whatever it reads: a Ceramic node is not trusted.
 * @throws WeighbridgeError CERAMIC_UNAVAILABLE (retryable), PROOF_INVALID for a stream that does not verify
 */
export interface RecordStreams {
  /** The did:key that alone can write these streams. */
  readonly controller: string;
  /** Creates the model, or finds it; answers its stream id, which depends on the controller alone. */
  ensureModel(): Promise<string>;
  /** @throws WeighbridgeError PROOF_INVALID if the stream holds another batch already */
  publishBatch(batch: RecordBatch): Promise<PublishedBatch>;
  /** One batch, verified; undefined if it was never published. */
  loadBatch(keyId: Bytes32, seq: number): Promise<LoadedBatch | undefined>;
  /** Every batch of a key id in order, with the links between them checked. */
  readBatches(keyId: Bytes32): Promise<LoadedBatch[]>;
}

/** What the index keeps of one log entry. */
export interface IndexedRecord {
  index: number;
  leafHash: string;
  type: RecordType;
  keyId: Bytes32;
  /** Its number among the records of its dataset. */
  sequence: number;
  orderId?: Bytes32 | undefined;
  /** Of a licence, an access, or the revocation of one licence. */
  licence?: Bytes32 | undefined;
  /** Of a completion: SHA-256 of the weights that came out, and of those that the run began with. Bare hex. */
  weights?: string | undefined;
  initialWeights?: string | undefined;
  /** On whose behalf the record was made: seller, buyer, operator or worker; nobody for a settlement. */
  actor?: Address | undefined;
  /** Time that the record states. */
  at: Date;
}

/** A stretch of the log, from one index up to another. */
export interface LogStretch {
  from: number;
  /** Index after the last entry that was read. */
  to: number;
  /** The published note under which these entries are. */
  checkpoint: string;
  records: IndexedRecord[];
  /** Indexes of entries that no rule of ours made: they belong to no dataset and are in no batch. */
  unreadable: number[];
}

/** The log, in order. */
export interface RecordSource {
  /**
   * Up to `limit` entries from `from` on, as far as the newest checkpoint covers them, each checked against it.
   * @throws WeighbridgeError LOG_UNAVAILABLE (retryable), PROOF_INVALID
   */
  read(from: number, limit: number): Promise<LogStretch>;
}

export interface FixOptions {
  /** C2SP origin of the log. */
  origin: string;
  minAgeMs: number;
  /** In a batch. */
  maxRecords: number;
  limit: number;
}

/**
 * The relay's durable state. Every method is one transaction: it happened or it did not, wherever a process dies. Two
 * relays on one store MUST neither lose nor double a record.
 */
export interface RelayStore {
  /** Index of the first log entry that is not yet in the index. */
  cursor(): Promise<number>;
  /**
   * Adds the records and moves the cursor from `from` to `to`. If it stands elsewhere (another relay was faster) nothing
   * changes, and the answer is false.
   */
  add(stretch: LogStretch): Promise<boolean>;
  /**
   * Fixes the next batch of every key id that has none in flight and waits with `maxRecords` or more, or for `minAgeMs`; of
   * `limit` key ids at most, those first that wait longest.
   */
  fixDue(options: FixOptions): Promise<void>;
  /** Batches that are fixed and not marked, at most `limit`, of any key id but these. */
  fixedBatches(limit: number, except: Bytes32[]): Promise<RecordBatch[]>;
  markPublished(batch: RecordBatch, published: PublishedBatch): Promise<void>;
}
