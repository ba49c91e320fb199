import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver } from '@nestjs/graphql';
import type { Bytes32 } from '../kernel/index.js';
import { datasetNotFound, DatasetType, FindDataset, toDatasetType } from '../catalog/index.js';
import { CurrentViewer, Requires, type Viewer } from '../identity/index.js';
import { Bytes32Scalar, PageArgs, pageRequest, toConnection } from '../platform/graphql/index.js';
import {
  IssueLicenceInputType,
  LicenceConnection,
  LicenceType,
  RevocationType,
  RevokeConsentInputType,
  toLicenceType,
} from './access.types.js';
import { EraseDetail } from './erase-detail.js';
import { FindLicence } from './find-licence.js';
import { IssueLicence } from './issue-licence.js';
import { RevokeConsent } from './revoke-consent.js';

/** What an erased field reads. */
const ERASED = 'erased';

@Resolver(() => LicenceType)
export class AccessResolver {
  constructor(
    private readonly issue: IssueLicence,
    private readonly find: FindLicence,
    private readonly revoke: RevokeConsent,
    private readonly eraser: EraseDetail,
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

  @Requires('licence.read')
  @Query(() => LicenceType, {
    nullable: true,
    description: 'One licence, for its buyer and for the seller; else null.',
  })
  async licence(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('id', { type: () => Bytes32Scalar, description: 'Its id.' }) id: Bytes32,
  ): Promise<LicenceType | null> {
    const licence = await this.find.byId(viewer, id);
    return licence === undefined ? null : toLicenceType(licence);
  }

  @Requires('consent.revoke')
  @Mutation(() => RevocationType, {
    description: 'Logs that the seller revoked consent, which the contract knows already. Repeat it freely.',
  })
  async revokeConsent(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('input', { description: 'What is revoked, and its signed record.' }) input: RevokeConsentInputType,
  ): Promise<RevocationType> {
    const { keyId, licence, logIndex, revokedAt } = await this.revoke.run(viewer, input);
    return { keyId, licence, logIndex, revokedAt };
  }

  @Requires('detail.erase')
  @Mutation(() => LicenceType, {
    description: 'Erases what the viewer stated under a licence, for good. The log and all receipts hold as before.',
  })
  async erase(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('licence', { type: () => Bytes32Scalar, description: 'One of the viewer’s licences.' }) licence: Bytes32,
  ): Promise<LicenceType> {
    return toLicenceType(await this.eraser.run(viewer, licence));
  }

  @ResolveField(() => String, { description: 'What it is for, as its buyer stated; `erased` once that was erased.' })
  async purpose(@Parent() { id }: LicenceType, @Context() request: object): Promise<string> {
    return (await this.find.purpose(request, id)) ?? ERASED;
  }

  @ResolveField(() => DatasetType, { description: 'What it allows to train on.' })
  async dataset(@Parent() licence: LicenceType, @Context() request: object): Promise<DatasetType> {
    const dataset = await this.datasets.batched(request, licence.keyId);
    if (dataset === undefined) throw datasetNotFound(licence.keyId);
    return toDatasetType(dataset);
  }
}
