import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { Bytes32 } from '../kernel/index.js';
import { datasetNotFound, DatasetType, FindDataset, toDatasetType } from '../catalog/index.js';
import { CurrentViewer, Requires, type Viewer } from '../identity/index.js';
import { Bytes32Scalar, PageArgs, pageRequest, toConnection } from '../platform/graphql/index.js';
import { IssueLicenceInputType, LicenceConnection, LicenceType, toLicenceType } from './access.types.js';
import { FindLicence } from './find-licence.js';
import { IssueLicence } from './issue-licence.js';

@Resolver(() => LicenceType)
export class AccessResolver {
  constructor(
    private readonly issue: IssueLicence,
    private readonly find: FindLicence,
    private readonly datasets: FindDataset,
  ) {}

  @Requires('licence.read')
  @Query(() => LicenceConnection, { description: "The viewer's own licences, newest first." })
  async licences(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args() page: PageArgs,
    @Args('dataset', { nullable: true, type: () => Bytes32Scalar, description: 'Only those for this dataset.' })
    dataset?: Bytes32 | null,
  ): Promise<LicenceConnection> {
    const { rows, ...rest } = await this.find.list(viewer, dataset ?? undefined, pageRequest(page));
    return toConnection({ ...rest, rows: rows.map(({ cursor, node }) => ({ cursor, node: toLicenceType(node) })) });
  }

  @Requires('licence.issue')
  @Mutation(() => LicenceType, {
    description: "Records the buyer's acceptance of the terms. Repeat it freely: one licence is issued once.",
  })
  async issueLicence(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('input', { description: 'The signed licence and its purpose.' }) input: IssueLicenceInputType,
  ): Promise<LicenceType> {
    return toLicenceType(await this.issue.run(viewer, input));
  }

  @ResolveField(() => DatasetType, { description: 'What it allows to train on.' })
  async dataset(@Parent() licence: LicenceType, @Context() request: object): Promise<DatasetType> {
    const dataset = await this.datasets.batched(request, licence.keyId);
    if (dataset === undefined) throw datasetNotFound(licence.keyId);
    return toDatasetType(dataset);
  }
}
