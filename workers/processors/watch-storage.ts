import type { Job as QueueJob } from 'bullmq';
import type { Handlers } from '../../src/platform/index.js';
import { watchStorage, type WatchDeps } from '../../src/storage/watch/index.js';

/** The `storage` queue: one use case. */
export function storageHandlers(deps: WatchDeps): Handlers<'storage', QueueJob> {
  return { 'watch-storage': async () => watchStorage(deps) };
}
