import { Args, Int, Mutation, Query, Resolver } from '@nestjs/graphql';
import { assertAllowed, CurrentViewer, Requires, type Viewer } from '../../identity/index.js';
import type { Bytes32 } from '../../kernel/index.js';
import { parseInput } from '../../platform/index.js';
import { Bytes32Scalar, JsonScalar, PageArgs, pageRequest, toConnection } from '../../platform/graphql/index.js';
import { repairPermitsSchema } from './repair-permits.js';
import { StorageRepository } from './storage.repository.js';
import { NoticeConnection, StorageCopyType, toNoticeType, toStorageCopyType } from './storage.types.js';

@Resolver(() => StorageCopyType)
export class StorageResolver {
  constructor(private readonly repository: StorageRepository) {}

  @Requires('storage.read')
  @Query(() => [StorageCopyType], {
    description:
      'The copies of a dataset as the watch saw them last, oldest first, those that were delisted among them; empty before its first look.',
  })
  async storage(
    @Args('dataset', { type: () => Bytes32Scalar, description: 'Its id.' }) dataset: Bytes32,
  ): Promise<StorageCopyType[]> {
    return (await this.repository.copiesOf(dataset)).map(toStorageCopyType);
  }

  @Requires('notice.read')
  @Query(() => NoticeConnection, { description: "The viewer's own notices, newest first." })
  async notices(@CurrentViewer() viewer: Viewer | undefined, @Args() page: PageArgs): Promise<NoticeConnection> {
    assertAllowed(viewer, 'notice.read');
    const { rows, ...rest } = await this.repository.notices(viewer.address, pageRequest(page));
    return toConnection({ ...rest, rows: rows.map(({ cursor, node }) => ({ cursor, node: toNoticeType(node) })) });
  }

  @Requires('storage.permit')
  @Mutation(() => Int, {
    description:
      'Leaves signatures with which lost copies of a dataset are replaced. Newer ones take the place of older.',
  })
  async permitRepairs(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('dataset', { type: () => Bytes32Scalar, description: 'Its id.' }) dataset: Bytes32,
    @Args('permits', { type: () => JsonScalar, description: 'As `weighbridge publish` signs them.' }) permits: unknown,
  ): Promise<number> {
    const parsed = parseInput('permits', repairPermitsSchema, permits);
    // They would be worth nothing: the watch takes only those of the dataset's seller, and the contract only the payer's.
    for (const { payer } of parsed) assertAllowed(viewer, 'storage.permit', { seller: payer });
    await this.repository.savePermits(dataset, parsed);
    return parsed.length;
  }
}
