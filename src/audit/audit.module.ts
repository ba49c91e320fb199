import { Module } from '@nestjs/common';
import { AuditResolver } from './audit.resolver.js';
import { FindLineage } from './find-lineage.js';
import { FindRecords } from './find-records.js';
import { FollowRecords } from './follow-records.js';
import { HistoryResolver } from './history.resolver.js';
import { LineageRepository } from './lineage.repository.js';
import { BlastRadiusResolver, LineageResolver } from './lineage.resolver.js';
import { RecordProofs } from './record-proofs.js';
import { RecordRepository } from './record.repository.js';

@Module({
  providers: [
    AuditResolver,
    BlastRadiusResolver,
    FindLineage,
    FindRecords,
    FollowRecords,
    HistoryResolver,
    LineageRepository,
    LineageResolver,
    RecordProofs,
    RecordRepository,
  ],
})
export class AuditModule {}
