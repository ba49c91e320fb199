import { Module } from '@nestjs/common';
import { CatalogController } from './catalog.controller.js';
import { CatalogResolver } from './catalog.resolver.js';
import { DatasetRepository } from './dataset.repository.js';
import { FindDataset } from './find-dataset.js';
import { ListDataset } from './list-dataset.js';

@Module({
  controllers: [CatalogController],
  providers: [CatalogResolver, DatasetRepository, FindDataset, ListDataset],
  exports: [FindDataset],
})
export class CatalogModule {}
