import { Inject, Logger } from '@nestjs/common';
import { Args, Context, Mutation, Parent, Query, ResolveField, Resolver, Subscription } from '@nestjs/graphql';
import type { Bytes32, Network } from '../kernel/index.js';
import { datasetNotFound, DatasetType, FindDataset, toDatasetType } from '../catalog/index.js';
import { assertAllowed, CurrentViewer, Requires, type Viewer } from '../identity/index.js';
import { NETWORK } from '../platform/index.js';
import {
  Bytes32Scalar,
  JsonScalar,
  PageArgs,
  pageRequest,
  publicStream,
  toConnection,
  type ErrorLog,
  type FormatterContext,
} from '../platform/graphql/index.js';
import { CancelJob } from './cancel-job.js';
import { FindJob } from './find-job.js';
import type { Job } from './job.js';
import { JobWatch } from './progress/job-watch.js';
import type { Progress } from './progress/progress.js';
import { CheckModel } from './submit/check-model.js';
import { SubmitJob } from './submit/submit-job.js';
import {
  CheckedModelType,
  JobConnection,
  JobProgressType,
  JobType,
  SubmitJobInputType,
  toJobType,
  toProgressType,
} from './training.types.js';

@Resolver(() => JobType)
export class TrainingResolver {
  private readonly log: ErrorLog = {
    error: (fields, msg) => new Logger('JobProgress').error({ ...fields, msg }),
  };

  constructor(
    private readonly submit: SubmitJob,
    private readonly models: CheckModel,
    private readonly cancel: CancelJob,
    private readonly find: FindJob,
    private readonly watch: JobWatch,
    private readonly datasets: FindDataset,
    @Inject(NETWORK) private readonly network: Network,
  ) {}

  @Requires('job.read')
  @Query(() => JobType, { nullable: true, description: "One of the viewer's jobs, or null." })
  async job(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('id', { description: 'Its id, or a unique prefix of at least 8 hex digits.' }) id: string,
  ): Promise<JobType | null> {
    const job = await this.find.byPrefix(viewer, id);
    return job === undefined ? null : this.typed(job, viewer);
  }

  @Requires('job.read')
  @Query(() => JobConnection, { description: "The viewer's jobs, as buyer, seller or operator, newest first." })
  async jobs(@CurrentViewer() viewer: Viewer | undefined, @Args() page: PageArgs): Promise<JobConnection> {
    const { rows, ...rest } = await this.find.list(viewer, pageRequest(page));
    const typed = rows.map(({ cursor, node }) => ({ cursor, node: this.typed(node, viewer) }));
    return toConnection({ ...rest, rows: typed });
  }

  @Requires('job.submit')
  @Query(() => CheckedModelType, {
    description:
      'What an order for this model must say, or the error that `submitJob` would give when it is paid. What is left of the ' +
      "budget is the dataset's `privacyBalance`. PUT graph, weights and tokenizers to /blobs/ first.",
  })
  async checkModel(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('dataset', { type: () => Bytes32Scalar, description: 'What to train on.' }) dataset: Bytes32,
    @Args('declaration', { type: () => JsonScalar, description: 'The model declaration, as `submitJob` takes it.' })
    declaration: unknown,
  ): Promise<CheckedModelType> {
    return this.models.run(viewer, dataset, declaration);
  }

  @Requires('job.submit')
  @Mutation(() => JobType, {
    description: 'Submits a paid order. Repeat it freely: one order is one job.',
  })
  async submitJob(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('input', { description: 'The order, the model, and whom the weights are for.' }) input: SubmitJobInputType,
  ): Promise<JobType> {
    return this.typed(await this.submit.run(viewer, input), viewer);
  }

  @Requires('job.cancel')
  @Mutation(() => JobType, {
    description:
      'Ends a job before its completion is logged. The payment goes back; a budget that is committed stays spent.',
  })
  async cancelJob(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('id', { type: () => Bytes32Scalar, description: 'The job.' }) id: Bytes32,
  ): Promise<JobType> {
    return this.typed(await this.cancel.run(viewer, id), viewer);
  }

  @Requires('job.read')
  @Subscription(() => JobProgressType, {
    description: 'Where the job stands, now and whenever that changes, until it is settled or refunded.',
    resolve: (progress: Progress, { id }: { id: Bytes32 }) => toProgressType(id, progress),
  })
  async jobProgress(
    @CurrentViewer() viewer: Viewer | undefined,
    @Args('id', { type: () => Bytes32Scalar, description: 'The job.' }) id: Bytes32,
    @Context() context: FormatterContext,
  ): Promise<AsyncIterableIterator<Progress>> {
    const job = await this.find.byId(viewer, id);
    assertAllowed(viewer, 'job.read', job);
    return publicStream(this.watch.watch(id, viewer.address), context, this.log);
  }

  @ResolveField(() => DatasetType, { description: 'What it trains on.' })
  async dataset(@Parent() job: JobType, @Context() request: object): Promise<DatasetType> {
    const dataset = await this.datasets.batched(request, job.keyId);
    if (dataset === undefined) throw datasetNotFound(job.keyId);
    return toDatasetType(dataset);
  }

  private typed(job: Job, viewer: Viewer | undefined): JobType {
    return toJobType(job, this.watch.latest(job), viewer, this.network.apiUrl);
  }
}
