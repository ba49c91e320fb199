import { Inject, Injectable } from '@nestjs/common';
import type { Bytes32 } from '../kernel/index.js';
import { DatabasePool, LOG_CLIENT } from '../platform/index.js';
import { batchByRequest, type Page, type PageRequest } from '../platform/graphql/index.js';
import { indexLog, LogRecordSource, PgRelayStore, type IndexedRecord, type LogClient } from '../provenance/index.js';
import { RecordRepository } from './record.repository.js';

/** Entries taken into the index in one transaction. */
const STRETCH = 1_024;
/** An index this fresh is not brought up to date again. */
const FRESH_MS = 250;

/** Reads of the public log through its index. */
@Injectable()
export class FindRecords {
  /** For the rows of a page, counted together. As fresh as the relay's last pass. */
  readonly accessCount = batchByRequest<Bytes32, number>((keyIds) => this.records.countAccesses(keyIds));
  private readonly source: LogRecordSource;
  private readonly store: PgRelayStore;
  private caughtUpAtMs = 0;
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

  /** The relay does the same all the time; whoever comes first indexes, and the other finds it done. */
  private async catchUp(): Promise<void> {
    if (Date.now() - this.caughtUpAtMs < FRESH_MS) return;
    this.catchingUp ??= this.indexAll().finally(() => (this.catchingUp = undefined));
    await this.catchingUp;
  }

  private async indexAll(): Promise<void> {
    const startedAtMs = Date.now();
    while ((await indexLog(this.source, this.store, STRETCH)).more);
    this.caughtUpAtMs = startedAtMs;
  }
}
