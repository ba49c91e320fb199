import { Inject, Logger } from '@nestjs/common';
import { Args, Context, Int, Parent, Query, ResolveField, Resolver, Subscription } from '@nestjs/graphql';
import type { Bytes32 } from '../kernel/index.js';
import { Requires } from '../identity/index.js';
import { LOG_CLIENT } from '../platform/index.js';
import {
  Bytes32Scalar,
  JsonScalar,
  pageRequest,
  publicStream,
  toConnection,
  type ErrorLog,
  type FormatterContext,
} from '../platform/graphql/index.js';
import { toBase64, type IndexedRecord, type LogClient, type Statement } from '../provenance/index.js';
import { LogRecordType, RecordPageArgs, toLogRecordType } from './audit.types.js';
import { FindRecords } from './find-records.js';
import { FollowRecords } from './follow-records.js';
import { CheckpointType, LogRecordPage, RecordFilterType } from './history.types.js';
import { RecordProofs } from './record-proofs.js';

/** The public log, for auditors: by dataset, by index, and as it grows. */
@Resolver(() => LogRecordType)
export class HistoryResolver {
  private readonly errors: ErrorLog = {
    error: (fields, msg) => new Logger('RecordAppended').error({ ...fields, msg }),
  };

  constructor(
    private readonly records: FindRecords,
    private readonly proofs: RecordProofs,
    private readonly feed: FollowRecords,
    @Inject(LOG_CLIENT) private readonly log: LogClient,
  ) {}

  @Requires('record.read')
  @Query(() => LogRecordPage, {
    description:
      "A dataset's records in the order of the log, up to its present checkpoint: its accesses unless filtered.",
  })
  async accessRecords(
    @Args('dataset', { type: () => Bytes32Scalar, description: 'The dataset.' }) dataset: Bytes32,
    @Args() page: RecordPageArgs,
    @Args('filter', { nullable: true, type: () => RecordFilterType, description: 'Which of them.' })
    filter?: RecordFilterType | null,
  ): Promise<LogRecordPage> {
    const { rows, ...rest } = await this.records.ofDataset(dataset, filter ?? {}, pageRequest(page));
    return toConnection({ ...rest, rows: rows.map(({ cursor, node }) => ({ cursor, node: toLogRecordType(node) })) });
  }

  @Requires('record.read')
  @Query(() => LogRecordType, { nullable: true, description: 'The record at this place of the log, or null.' })
  async record(
    @Args('index', { type: () => Int, description: 'Its place in the log.' }) index: number,
  ): Promise<LogRecordType | null> {
    const record = await this.records.at(index);
    return record === undefined ? null : toLogRecordType(record);
  }

  @Requires('record.read')
  @Query(() => CheckpointType, {
    description: "The log's newest checkpoint. Check its signatures against a trust file.",
  })
  async checkpoint(): Promise<CheckpointType> {
    const { size, root, note } = await this.log.checkpoint();
    return { size, root, note };
  }

  @Requires('record.read')
  @Subscription(() => LogRecordType, {
    description: 'Every record that comes under a checkpoint from now on, in the order of the log.',
    resolve: (record: IndexedRecord) => toLogRecordType(record),
  })
  recordAppended(
    @Context() context: FormatterContext,
    @Args('dataset', { nullable: true, type: () => Bytes32Scalar, description: 'Only records about this dataset.' })
    dataset?: Bytes32 | null,
  ): AsyncIterableIterator<IndexedRecord> {
    return publicStream(this.feed.follow(dataset ?? undefined), context, this.errors);
  }

  @ResolveField(() => String, { description: "The entry's bytes, base64: header line and DSSE envelope." })
  async entry(@Parent() { index }: LogRecordType, @Context() request: object): Promise<string> {
    return toBase64((await this.proofs.proven(request, index)).entry);
  }

  @ResolveField(() => String, { description: 'Its C2SP tlog-proof, under the newest checkpoint.' })
  async proof(@Parent() { index }: LogRecordType, @Context() request: object): Promise<string> {
    return (await this.proofs.proven(request, index)).proof;
  }

  @ResolveField(() => JsonScalar, { description: 'The in-toto statement that the entry carries.' })
  async statement(@Parent() { index }: LogRecordType, @Context() request: object): Promise<Statement> {
    return this.proofs.statementOf(request, index);
  }
}
