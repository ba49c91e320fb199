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
  /** `unreadable` for an entry that no rule of ours made: it is counted, and belongs to no dataset. */
  type: RecordType | 'unreadable';
  keyId?: Bytes32;
  orderId?: Bytes32;
  /** On whose behalf the record was made: seller, buyer, operator or worker. */
  actor?: Address;
  /** Time that the record states. */
  at?: string;
}

/** The log, in order. @throws WeighbridgeError LOG_UNAVAILABLE (retryable) */
export interface RecordSource {
  /** Number of entries under the newest checkpoint. */
  size(): Promise<number>;
  /** Entries `from` (inclusive) to `to` (exclusive), which are below `size`. */
  read(from: number, to: number): Promise<IndexedRecord[]>;
}

/**
 * The relay's durable state. Every method is one transaction: it happened or it did not, wherever a process dies. Two
 * relays on one store MUST neither lose nor double a record.
 */
export interface RelayStore {
  /** Index of the first log entry that is not yet in the index. */
  cursor(): Promise<number>;
  /**
   * Adds records and moves the cursor from `from` to `to`. A cursor that is elsewhere (another relay was faster) changes
   * nothing and answers false.
   */
  addRecords(from: number, to: number, records: IndexedRecord[]): Promise<boolean>;
  /** Key ids that have records in no batch, no batch in flight, and either `maxRecords` of them or one `minAgeMs` old. */
  dueKeys(minAgeMs: number, maxRecords: number): Promise<Bytes32[]>;
  /** Fixes the next batch of a key id, of at most `maxRecords`; undefined if there is nothing to fix or one is in flight. */
  fixBatch(keyId: Bytes32, origin: string, maxRecords: number): Promise<RecordBatch | undefined>;
  /** Batches that are fixed and not marked. */
  fixedBatches(): Promise<RecordBatch[]>;
  markPublished(keyId: Bytes32, seq: number, published: PublishedBatch): Promise<void>;
}
