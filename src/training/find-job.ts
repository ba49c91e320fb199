import { Injectable } from '@nestjs/common';
import type { Bytes32 } from '../kernel/index.js';
import { ambiguousId } from '../catalog/index.js';
import { assertAllowed, isAllowed, type Viewer } from '../identity/index.js';
import { idRange } from '../platform/index.js';
import type { Page, PageRequest } from '../platform/graphql/index.js';
import { JobQueries } from './job.queries.js';
import { jobNotFound, JobRepository } from './job.repository.js';
import type { Job } from './job.js';

/** Reads of jobs, for their parties. To anybody else a job does not exist: not even its id is confirmed. */
@Injectable()
export class FindJob {
  constructor(
    private readonly jobs: JobRepository,
    private readonly queries: JobQueries,
  ) {}

  /** @throws WeighbridgeError JOB_NOT_FOUND, also to somebody who is no party */
  async byId(viewer: Viewer | undefined, id: Bytes32): Promise<Job> {
    const job = await this.jobs.find(id);
    if (job === undefined || !isAllowed(viewer, 'job.read', job)) throw jobNotFound(id);
    return job;
  }

  /** Among the viewer's jobs. @throws WeighbridgeError UNAUTHENTICATED, BAD_INPUT for a prefix of several ids */
  async byPrefix(viewer: Viewer | undefined, prefix: string): Promise<Job | undefined> {
    assertAllowed(viewer, 'job.read', ownParty(viewer));
    const { low, high } = idRange(prefix);
    const [job, other] = await this.queries.findBetween(low, high, viewer.address);
    if (other !== undefined) throw ambiguousId(prefix);
    return job;
  }

  /** The viewer's, as buyer, seller or operator. @throws WeighbridgeError UNAUTHENTICATED */
  async list(viewer: Viewer | undefined, page: PageRequest): Promise<Page<Job>> {
    assertAllowed(viewer, 'job.read', ownParty(viewer));
    return this.queries.listOf(viewer.address, page);
  }
}

/** The query below is bound to the viewer's address, which makes the viewer a party of all that it finds. */
function ownParty(viewer: Viewer | undefined): { buyer?: Viewer['address'] } {
  return viewer === undefined ? {} : { buyer: viewer.address };
}
