import type { WorkerOptions } from 'bullmq';
import type { Logger } from 'pino';
import type { LocalAccount } from 'viem';
import type { DatasetRepository } from '../src/catalog/index.js';
import { processorOf, type PrismaService, type Queues, type WorkerEnv } from '../src/platform/index.js';
import { DatasetLog, type LogClient } from '../src/provenance/index.js';
import { StorageRepository, type WatchDeps } from '../src/storage/watch/index.js';
import { createStorageNetwork } from '../web3/filecoin/storage-network.js';
import { storageHandlers } from './processors/watch-storage.js';

/** The scheduler's id and the job's name: any number of workers that ask for it make one schedule. */
const WATCH = 'watch-storage';

export interface StorageWatchOptions {
  env: WorkerEnv;
  queues: Queues;
  prisma: PrismaService;
  datasets: DatasetRepository;
  log: LogClient;
  isRevoked: WatchDeps['isRevoked'];
  recorder: LocalAccount;
  logger: Logger;
  queue: Partial<WorkerOptions>;
}

/** Schedules the watch over copies and deposits, and takes its rounds, one at a time. @returns what stops it */
export async function startStorageWatch(options: StorageWatchOptions): Promise<() => Promise<void>> {
  const { env, queues, prisma, datasets, recorder, logger, queue } = options;
  const network = env.WEIGHBRIDGE_NETWORK;
  const deps: WatchDeps = {
    network,
    prisma,
    storage: new StorageRepository(prisma),
    chain: createStorageNetwork({ network }),
    log: new DatasetLog(options.log, prisma),
    isRevoked: options.isRevoked,
    recorder,
    datasets: () => datasets.watched(),
    onFault: (err, about) => logger.warn({ err, about }, 'storage watch: will be tried again'),
    now: () => new Date(),
  };
  const worker = queues.worker('storage', processorOf('storage', storageHandlers(deps)), { concurrency: 1, ...queue });
  worker.on('failed', (_job, err) => logger.warn({ err }, 'storage watch failed, the next round tries again'));
  const scheduled = queues.queue('storage');
  const every = env.STORAGE_WATCH_EVERY_MS;
  await scheduled.upsertJobScheduler(WATCH, { every }, { name: WATCH, data: {}, opts: { attempts: 1 } });
  return async () => {
    await worker.close();
    await scheduled.close();
  };
}
