import { Inject, Injectable } from '@nestjs/common';
import { WeighbridgeError, type Address, type Bytes32 } from '../kernel/index.js';
import { DatabasePool, LOG_CLIENT } from '../platform/index.js';
import { batchByRequest, type Page, type PageRequest } from '../platform/graphql/index.js';
import {
  LogIndexer,
  LogRecordSource,
  PgRelayStore,
  RECORD_TYPES,
  type IndexedRecord,
  type LogClient,
  type RecordType,
} from '../provenance/index.js';
import { RecordRepository } from './record.repository.js';

/** Entries taken into the index in one transaction. */
const STRETCH = 1_024;
/** An index this fresh is not brought up to date again. */
const FRESH_MS = 250;

/** As an auditor gives it. */
interface Filter {
  type?: string;
  actor?: Address | null;
  licence?: Bytes32 | null;
  job?: Bytes32 | null;
}

/** Reads of the public log through its index. */
@Injectable()
export class FindRecords {
  /** For the rows of a page, counted together. As fresh as the relay's last pass. */
  readonly accessCount = batchByRequest<Bytes32, number>((keyIds) => this.records.countAccesses(keyIds));
  private readonly source: LogRecordSource;
  private readonly store: PgRelayStore;
  /** Of the clock that nobody sets back: else nothing would be fresh enough again for as long. */
  private caughtUpAtMs = -Infinity;
  private catchingUp: Promise<void> | undefined;

  constructor(
    private readonly records: RecordRepository,
    @Inject(LOG_CLIENT) log: LogClient,
    pool: DatabasePool,
  ) {
    this.source = new LogRecordSource(log);
    this.store = new PgRelayStore(pool);
  }

  /**
   * Every record that the log holds, or that it holds about one dataset, up to the checkpoint that stands when this is
   * asked: an answer that may leave the newest out would be worth little to an auditor.
   * @throws WeighbridgeError LOG_UNAVAILABLE (retryable), PROOF_INVALID
   */
  async list(keyId: Bytes32 | undefined, page: PageRequest): Promise<Page<IndexedRecord>> {
    await this.catchUp();
    return this.records.list(keyId, page);
  }

  /** A dataset's records, of one type or of any. @throws WeighbridgeError BAD_INPUT for a type that there is not */
  async ofDataset(keyId: Bytes32, filter: Filter, page: PageRequest): Promise<Page<IndexedRecord>> {
    await this.catchUp();
    const { type = 'access-granted', actor, licence, job } = filter;
    const given = { actor: actor ?? undefined, licence: licence ?? undefined, job: job ?? undefined };
    return this.records.ofDataset(keyId, { ...given, type: typeOf(type) }, page);
  }

  async at(index: number): Promise<IndexedRecord | undefined> {
    await this.catchUp();
    return this.records.at(index);
  }

  /** Index of the newest record; -1 if there is none. */
  async newest(): Promise<number> {
    await this.catchUp();
    return this.records.newest();
  }

  /** What came after an index, oldest first. */
  async following(index: number, keyId: Bytes32 | undefined, first: number): Promise<IndexedRecord[]> {
    await this.catchUp();
    return this.records.following(index, keyId, first);
  }

  /** The relay does the same all the time; whoever comes first indexes, and the other finds it done. */
  async catchUp(): Promise<void> {
    if (performance.now() - this.caughtUpAtMs < FRESH_MS) return;
    this.catchingUp ??= this.indexAll().finally(() => (this.catchingUp = undefined));
    await this.catchingUp;
  }

  private async indexAll(): Promise<void> {
    const startedAtMs = performance.now();
    const indexer = new LogIndexer(this.source, this.store, STRETCH);
    while ((await indexer.step()).more);
    this.caughtUpAtMs = startedAtMs;
  }
}

function typeOf(text: string): RecordType | undefined {
  const type = RECORD_TYPES.find((known) => known === text);
  if (type !== undefined || text === 'any') return type;
  throw new WeighbridgeError('BAD_INPUT', `filter.type: there are no records of type ${text.slice(0, 40)}`, {
    next: `Give "any" or one of: ${RECORD_TYPES.join(', ')}.`,
  });
}
