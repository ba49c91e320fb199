export type {
  IndexedRecord,
  LoadedBatch,
  LogStretch,
  PublishedBatch,
  RecordSource,
  RecordStreams,
  RelayStore,
} from './ports.js';
export { MAX_RECORDS_PER_BATCH, recordBatch, type BatchedRecord, type RecordBatch } from './record-batch.js';
export { LogIndexer, type IndexProgress } from './index-log.js';
export { LogRecordSource } from './log-record-source.js';
export { PgRelayStore } from './relay.store.js';
export { RelayFollower, type RelayFollowerOptions, type RelayProgress } from './relay-follower.js';
