/** The door for those that look after copies; `../index.ts` stays free of framework and database. */
export type { StorageNetwork, WatchDeps, WatchedDataset } from './ports.js';
export { StorageModule } from './storage.module.js';
export { StorageRepository } from './storage.repository.js';
export { StorageResolver } from './storage.resolver.js';
export { watchStorage } from './watch-storage.js';
