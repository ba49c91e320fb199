import { Injectable } from '@nestjs/common';
import type { Bytes32 } from '../kernel/index.js';
import { assertAllowed, type Viewer } from '../identity/index.js';
import { FindJob } from './find-job.js';
import { JobRepository } from './job.repository.js';
import type { Job } from './job.js';

/**
 * Ends a job that its buyer wants no more. Until its completion is logged it becomes a logged refusal, so the whole payment goes
 * back; what it took of a privacy budget stays spent if the key may have been released, and is given back if not.
 */
@Injectable()
export class CancelJob {
  constructor(
    private readonly find: FindJob,
    private readonly jobs: JobRepository,
  ) {}

  /** @throws WeighbridgeError UNAUTHENTICATED, FORBIDDEN, JOB_NOT_FOUND, JOB_STATE when it is too late */
  async run(viewer: Viewer | undefined, id: Bytes32): Promise<Job> {
    const job = await this.find.byId(viewer, id);
    assertAllowed(viewer, 'job.cancel', job);
    return this.jobs.cancel(id);
  }
}
