import { Args, Context, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { Bytes32 } from '../kernel/index.js';
import { Requires } from '../identity/index.js';
import { Bytes32Scalar, PageArgs, pageRequest, toConnection, type Page } from '../platform/graphql/index.js';
import type { IndexedRecord, RecordType } from '../provenance/index.js';
import { LogRecordType, RecordPageArgs, toLogRecordType } from './audit.types.js';
import { FindLineage } from './find-lineage.js';
import { FindRecords } from './find-records.js';
import {
  BlastRadiusType,
  LIMITS,
  LineageArgs,
  LogRecordPage,
  toTrainedModel,
  TrainedModelPage,
  TrainedModelType,
} from './history.types.js';

/** Models: what is behind one, and what came of it. */
@Resolver(() => TrainedModelType)
export class LineageResolver {
  constructor(private readonly find: FindLineage) {}

  @Requires('record.read')
  @Query(() => TrainedModelPage, {
    description:
      'From weights: that model and every model before it, newest first; forward: every model trained from it, and from those, ' +
      'oldest first. From a dataset: every model trained on it, oldest first.',
  })
  async lineage(@Args() { weights, dataset, forward, ...page }: LineageArgs): Promise<TrainedModelPage> {
    const asked = { weights: weights ?? undefined, dataset: dataset ?? undefined, forward };
    return models(await this.find.of(asked, pageRequest(page)));
  }

  @ResolveField(() => [LogRecordType], {
    description: 'Every record behind it: listing, licence, access, completion, settlement; in the order of the log.',
  })
  async records(@Parent() { keyId, job }: TrainedModelType, @Context() request: object): Promise<LogRecordType[]> {
    return (await this.find.recordsBehind(request, keyId, job)).map(toLogRecordType);
  }

  @ResolveField(() => TrainedModelPage, { description: 'Models trained from it, and from those, however deep.' })
  async descendants(@Parent() { weights }: TrainedModelType, @Args() page: PageArgs): Promise<TrainedModelPage> {
    return models(await this.find.descendants(weights, pageRequest(page)));
  }
}

/** What a dataset's consent touched. The lists are the log's, each entry with its proof. */
@Resolver(() => BlastRadiusType)
export class BlastRadiusResolver {
  constructor(
    private readonly records: FindRecords,
    private readonly find: FindLineage,
  ) {}

  @Requires('record.read')
  @Query(() => BlastRadiusType, {
    description:
      'Every licence, access, model and payout that a dataset version touched, and whether consent was revoked.',
  })
  blastRadius(
    @Args('dataset', { type: () => Bytes32Scalar, description: 'The dataset.' }) dataset: Bytes32,
  ): BlastRadiusType {
    return { keyId: dataset, limits: LIMITS };
  }

  @ResolveField(() => LogRecordPage, { description: "The seller's revocations." })
  async revocations(@Parent() { keyId }: BlastRadiusType, @Args() page: RecordPageArgs): Promise<LogRecordPage> {
    return this.page(keyId, 'consent-revoked', page);
  }

  @ResolveField(() => LogRecordPage, { description: 'Licences that were issued.' })
  async licences(@Parent() { keyId }: BlastRadiusType, @Args() page: RecordPageArgs): Promise<LogRecordPage> {
    return this.page(keyId, 'licence-issued', page);
  }

  @ResolveField(() => LogRecordPage, { description: 'Accesses that were granted.' })
  async accesses(@Parent() { keyId }: BlastRadiusType, @Args() page: RecordPageArgs): Promise<LogRecordPage> {
    return this.page(keyId, 'access-granted', page);
  }

  @ResolveField(() => LogRecordPage, { description: 'Payouts and refunds; who got what is in each statement.' })
  async payouts(@Parent() { keyId }: BlastRadiusType, @Args() page: RecordPageArgs): Promise<LogRecordPage> {
    return this.page(keyId, 'job-settled', page);
  }

  @ResolveField(() => TrainedModelPage, {
    description: 'Models trained on it; what came of each is its `descendants`.',
  })
  async models(@Parent() { keyId }: BlastRadiusType, @Args() page: PageArgs): Promise<TrainedModelPage> {
    return models(await this.find.of({ dataset: keyId }, pageRequest(page)));
  }

  private async page(keyId: Bytes32, type: RecordType, page: PageArgs): Promise<LogRecordPage> {
    const { rows, ...rest } = await this.records.ofDataset(keyId, { type }, pageRequest(page));
    return toConnection({ ...rest, rows: rows.map(({ cursor, node }) => ({ cursor, node: toLogRecordType(node) })) });
  }
}

function models({ rows, ...rest }: Page<IndexedRecord>): TrainedModelPage {
  return toConnection({ ...rest, rows: rows.map(({ cursor, node }) => ({ cursor, node: toTrainedModel(node) })) });
}
