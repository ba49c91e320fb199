import { Module } from '@nestjs/common';
import { AuditResolver } from './audit.resolver.js';
import { FindRecords } from './find-records.js';
import { RecordRepository } from './record.repository.js';

@Module({ providers: [AuditResolver, FindRecords, RecordRepository] })
export class AuditModule {}
