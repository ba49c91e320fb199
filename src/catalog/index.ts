export { ambiguousId, datasetNotFound, datasetRevoked, offerMismatch } from './catalog.errors.js';
export { CatalogModule } from './catalog.module.js';
export { CatalogResolver } from './catalog.resolver.js';
export { DatasetType, toDatasetType } from './catalog.types.js';
export type { Dataset, ListedOffer } from './dataset.js';
export { DatasetRepository } from './dataset.repository.js';
export { FindDataset } from './find-dataset.js';
export * from './manifest.js';
export type { OfferRegistry } from './ports.js';
