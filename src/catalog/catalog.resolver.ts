import { Inject } from '@nestjs/common';
import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { Bytes32 } from '../kernel/index.js';
import { CurrentViewer, Requires, type Viewer } from '../identity/index.js';
import { MARKETPLACE_CHAIN, PrismaService } from '../platform/index.js';
import { batchByRequest, PageArgs, pageRequest, toConnection } from '../platform/graphql/index.js';
import { nextPosition } from '../provenance/index.js';
import {
  DatasetConnection,
  DatasetType,
  ListDatasetInputType,
  RecordPosition,
  toDatasetType,
} from './catalog.types.js';
import { FindDataset } from './find-dataset.js';
import { ListDataset } from './list-dataset.js';
import type { OfferRegistry } from './ports.js';

@Resolver(() => DatasetType)
export class CatalogResolver {
  private readonly isRevoked = batchByRequest<Bytes32, boolean>(async (keyIds) => {
    const revoked = await Promise.all(keyIds.map(async (keyId) => this.chain.isRevoked(keyId)));
    return new Map(keyIds.map((keyId, i) => [keyId, revoked[i] === true]));
  });

  constructor(
    private readonly find: FindDataset,
    private readonly list: ListDataset,
    @Inject(MARKETPLACE_CHAIN) private readonly chain: OfferRegistry,
    private readonly prisma: PrismaService,
  ) {}

  @Requires('dataset.read')
  @Query(() => DatasetConnection, { description: 'Listed datasets, newest first.' })
  async datasets(
    @Args() page: PageArgs,
    @Args('search', {
      nullable: true,
      type: () => String,
      description: 'Words or parts of words in title, description, tags or column names.',
    })
    search?: string | null,
  ): Promise<DatasetConnection> {
    const { rows, ...rest } = await this.find.search(search ?? undefined, pageRequest(page));
    const typed = rows.map(({ cursor, node }) => ({ cursor, node: toDatasetType(node) }));
    return toConnection({ ...rest, rows: typed });
  }

  @Requires('dataset.read')
  @Query(() => DatasetType, { nullable: true, description: 'One dataset, or null.' })
  async dataset(
    @Args('id', { description: 'Its id, or a unique prefix of at least 8 hex digits.' }) id: string,
  ): Promise<DatasetType | null> {
    const dataset = await this.find.byPrefix(id);
    return dataset === undefined ? null : toDatasetType(dataset);
  }

  @Requires('dataset.list')
  @Mutation(() => DatasetType, {
    description: 'Lists a dataset version, or its new offer. Repeat it freely: the same listing is there once.',
  })
  async listDataset(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('input', { description: 'What to list.' }) input: ListDatasetInputType,
  ): Promise<DatasetType> {
    return toDatasetType(await this.list.run(viewer, input));
  }

  @ResolveField(() => RecordPosition, { description: "The place of the dataset's next record, as of now." })
  async nextRecord(@Parent() dataset: DatasetType): Promise<RecordPosition> {
    return nextPosition(this.prisma, dataset.id);
  }

  @ResolveField(() => Boolean, { description: 'Whether its seller revoked it on chain: no key is released any more.' })
  async revoked(@Parent() dataset: DatasetType, @Context() request: object): Promise<boolean> {
    return (await this.isRevoked(request, dataset.id)) === true;
  }
}
