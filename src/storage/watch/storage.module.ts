import { Module } from '@nestjs/common';
import { StorageRepository } from './storage.repository.js';
import { StorageResolver } from './storage.resolver.js';

@Module({ providers: [StorageResolver, StorageRepository] })
export class StorageModule {}
