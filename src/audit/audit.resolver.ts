import { Inject } from '@nestjs/common';
import { Args, Context, Int, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { Bytes32, Network } from '../kernel/index.js';
import { DatasetType } from '../catalog/index.js';
import { Requires } from '../identity/index.js';
import { NETWORK } from '../platform/index.js';
import { Bytes32Scalar, JsonScalar, pageRequest, toConnection } from '../platform/graphql/index.js';
import { LogRecordConnection, RecordPageArgs, toLogRecordType } from './audit.types.js';
import { FindRecords } from './find-records.js';

@Resolver(() => DatasetType)
export class AuditResolver {
  constructor(
    private readonly records: FindRecords,
    @Inject(NETWORK) private readonly network: Network,
  ) {}

  @Requires('record.read')
  @Query(() => LogRecordConnection, {
    name: 'records',
    description: 'What the public log holds, oldest first, up to its present checkpoint.',
  })
  async list(
    @Args() page: RecordPageArgs,
    @Args('dataset', { nullable: true, type: () => Bytes32Scalar, description: 'Only records about this dataset.' })
    dataset?: Bytes32 | null,
  ): Promise<LogRecordConnection> {
    const { rows, ...rest } = await this.records.list(dataset ?? undefined, pageRequest(page));
    return toConnection({ ...rest, rows: rows.map(({ cursor, node }) => ({ cursor, node: toLogRecordType(node) })) });
  }

  @Requires('network.read')
  @Query(() => JsonScalar, {
    description: 'The public facts of this deployment: chain, contracts, log and its keys, Ceramic. No secret.',
  })
  networkInfo(): Network {
    return this.network;
  }

  @ResolveField(() => Int, { description: 'How often it was opened for training, by the log.' })
  async accessCount(@Parent() dataset: DatasetType, @Context() request: object): Promise<number> {
    return (await this.records.accessCount(request, dataset.id)) ?? 0;
  }
}
