import { Module } from '@nestjs/common';
import { AccessModule } from '../access/index.js';
import { CatalogModule } from '../catalog/index.js';
import { BlobAccess } from './blobs/blob-access.js';
import { BlobUploadRepository } from './blobs/blob-upload.repository.js';
import { BlobsController } from './blobs/blobs.controller.js';
import { CancelJob } from './cancel-job.js';
import { FindJob } from './find-job.js';
import { JobQueries } from './job.queries.js';
import { JobRepository } from './job.repository.js';
import { JobWatch } from './progress/job-watch.js';
import { CheckModel } from './submit/check-model.js';
import { SubmitJob } from './submit/submit-job.js';
import { TrainingResolver } from './training.resolver.js';

@Module({
  imports: [CatalogModule, AccessModule],
  controllers: [BlobsController],
  providers: [
    BlobAccess,
    BlobUploadRepository,
    CancelJob,
    CheckModel,
    FindJob,
    JobQueries,
    JobRepository,
    JobWatch,
    SubmitJob,
    TrainingResolver,
  ],
  exports: [JobQueries],
})
export class TrainingModule {}
