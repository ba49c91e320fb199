import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { WorkerOptions } from 'bullmq';
import type { Logger } from 'pino';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { DatasetRepository } from '../src/catalog/index.js';
import { LicenceRepository, type StoredLicence } from '../src/access/index.js';
import { fromHex, WeighbridgeError, type Bytes32, type Hex } from '../src/kernel/index.js';
import {
  BlobStore,
  DatabasePool,
  OutboxDispatcher,
  PrismaService,
  processorOf,
  Queues,
  type WorkerEnv,
} from '../src/platform/index.js';
import { createHttpLogClient, DatasetLog } from '../src/provenance/index.js';
import { LogRecordSource, PgRelayStore, RelayFollower } from '../src/provenance/relay/index.js';
import type { SettleJobDeps } from '../src/settlement/index.js';
import { checkpointFiles, JobRepository, type Job, type RunJobDeps } from '../src/training/index.js';
import { createRecordStreams } from '../web3/ceramic/record-streams.js';
import { createAnchorChain } from '../web3/chain/anchor-chain.js';
import { createMarketplaceChain } from '../web3/chain/marketplace-chain.js';
import { createPieceStore } from '../web3/filecoin/piece-store.js';
import { hashInThread } from '../web3/filecoin/store/hash-in-thread.js';
import { createKeyVault } from '../web3/lit/key-vault.js';
import { startAnchoring } from './anchor.js';
import { serveHealth } from './health.js';
import { settlementHandlers } from './processors/settle.js';
import { trainingHandlers } from './processors/train.js';
import { startRequeue } from './requeue.js';
import { startSweep } from './sweep-checkpoints.js';
import { startStorageWatch } from './storage-watch.js';
import { createSandboxTrainer, gpusOfHost, type SandboxTrainerOptions } from './sandbox/index.js';

/** Jobs that wait for key nodes or the chain must not hold up others; training itself is bound by the cores, or waits for a GPU. */
const TRAINING_CONCURRENCY = 2;
const SETTLEMENT_CONCURRENCY = 4;

/** What a worker's use cases touch. */
export type WorkerPorts = Omit<RunJobDeps, 'report'> & SettleJobDeps;

export interface WorkerProcess {
  /** Resolves once the worker takes jobs. @throws WeighbridgeError SANDBOX_UNAVAILABLE, CONFIG_INVALID */
  start(): Promise<void>;
  /** Waits for steps in hand to be given up safely; the queue hands their jobs to the next worker. */
  stop(): Promise<void>;
}

export interface ComposeOptions {
  /** Stands between the use cases and their ports; the crash tests use it. */
  bind?: (ports: WorkerPorts) => WorkerPorts;
  queue?: Partial<WorkerOptions>;
  sandbox?: Pick<SandboxTrainerOptions, 'probe'>;
}

/** Binds the worker's use cases to PostgreSQL, the queue, and the adapter of each network. */
export function composeWorker(
  env: WorkerEnv,
  logger: Logger,
  { bind, queue = {}, sandbox = {} }: ComposeOptions = {},
): WorkerProcess {
  const network = env.WEIGHBRIDGE_NETWORK;
  const stopping = new AbortController();
  const pool = new DatabasePool(env.DATABASE_URL);
  const prisma = new PrismaService(pool);
  const queues = new Queues({ databaseUrl: env.DATABASE_URL, redisUrl: env.REDIS_URL });
  const log = new DatasetLog(
    createHttpLogClient({ url: network.log.url, token: secret(env.LOG_ADD_TOKEN_FILE), compressed: false }),
    prisma,
  );
  const operator = accountOf(env.OPERATOR_KEY_FILE);
  const vault = createKeyVault({ network });
  const datasets = new DatasetRepository(prisma, pool);
  const licences = new LicenceRepository(prisma);
  const jobs = new JobRepository(prisma);
  const store = createPieceStore({ network, hashing: hashInThread() });
  const licenceOf = async ({ licenceId }: Job): Promise<StoredLicence> =>
    found(await licences.find(licenceId), 'licence');
  const own: WorkerPorts = {
    network,
    jobs,
    manifestOf: async (job) => found(await datasets.findManifest(job.offer.manifestDigest.slice(2)), 'manifest'),
    termsOf: async (job) => found(await datasets.findTerms(job.offer.termsDigest), 'terms'),
    licenceOf,
    recordsOf: async (job) => {
      const listed = found(await datasets.findOffer(job.order.offer), 'offer');
      const licence = await licenceOf(job);
      return { datasetIndex: listed.logIndex, licenceIndex: found(licence.logIndex ?? undefined, 'licence record') };
    },
    blobs: new BlobStore(env.BLOB_DIR),
    log,
    chain: createMarketplaceChain({ network, account: operator }),
    vault,
    pieces: store,
    parts: store,
    trainer: createSandboxTrainer({
      ...sandbox,
      pythonDir: env.PYTHON_DIR,
      trainerDir: env.TRAINER_DIR,
      warmBoxes: env.SANDBOX_WARM_BOXES ?? TRAINING_CONCURRENCY,
      gpus: env.WORKER_GPUS,
      spool: {
        directory: path.join(env.BLOB_DIR, 'spool'),
        jobs: TRAINING_CONCURRENCY,
        ...(env.SANDBOX_SPOOL_BYTES === undefined ? {} : { bytes: env.SANDBOX_SPOOL_BYTES }),
      },
      limits: {
        addressSpaceBytes: env.SANDBOX_MEMORY_BYTES,
        prepareSeconds: env.SANDBOX_PREPARE_SECONDS,
        rowsBytes: env.SANDBOX_ROWS_BYTES,
        ...(env.SANDBOX_CGROUP_DIR === undefined ? {} : { cgroupDir: env.SANDBOX_CGROUP_DIR }),
      },
    }),
    checkpoints: checkpointFiles(path.join(env.BLOB_DIR, 'checkpoints')),
    operator,
    recorder: accountOf(env.RECORDER_KEY_FILE),
    workerSeed: seed(env.WORKER_SEED_FILE),
    logger,
    signal: stopping.signal,
  };
  const ports = bind?.(own) ?? own;
  const onError = (error: unknown): void => logger.warn({ err: error }, 'background step failed, will be tried again');
  const stops: (() => Promise<unknown>)[] = [];

  return {
    start: async () => {
      const { device } = await own.trainer.assertAvailable();
      const gpus = await gpusOfHost(env.WORKER_GPUS, env.PYTHON_DIR);
      logger.info({ device, gpus: gpus.map(({ minor }) => minor) }, 'jobs train on');
      await queues.migrate();
      const training = queues.worker('training', processorOf('training', trainingHandlers(ports)), {
        concurrency: Math.max(TRAINING_CONCURRENCY, gpus.length),
        ...queue,
      });
      const settlement = queues.worker('settlement', processorOf('settlement', settlementHandlers(ports)), {
        concurrency: SETTLEMENT_CONCURRENCY,
        ...queue,
      });
      for (const worker of [training, settlement]) {
        worker.on('completed', ({ id, processedOn = 0, finishedOn = 0 }) =>
          logger.info({ job: id, queue: worker.name, tookMs: finishedOn - processedOn }, 'job step done'),
        );
        worker.on('failed', (job, error) =>
          logger.warn({ job: job?.id, queue: worker.name, err: error }, 'job step failed'),
        );
        stops.push(async () => worker.close());
      }
      const { chain, recorder } = own;
      const isRevoked = async (keyId: Bytes32): Promise<boolean> => chain.isRevoked(keyId);
      stops.push(await startStorageWatch({ env, queues, prisma, datasets, log, isRevoked, recorder, logger, queue }));
      const dispatcher = new OutboxDispatcher(pool, queues, onError);
      await dispatcher.start();
      const requeue = startRequeue(jobs, queues, onError);
      const sweep = startSweep(jobs, own.checkpoints, onError);
      const streams = await createRecordStreams({
        url: network.ceramic.url,
        seed: seed(env.RELAY_SEED_FILE),
        model: network.ceramic.model,
      });
      const relay = new RelayFollower(new LogRecordSource(log), new PgRelayStore(pool), streams, {
        origin: network.log.origin,
        onError,
        onFailed: onError,
      });
      relay.start();
      const anchoring = startAnchoring(log, createAnchorChain({ network, account: operator }), {
        everyMs: env.ANCHOR_EVERY_MS,
        logger,
      });
      const health = await serveHealth(env.HOST, env.WORKER_PORT, async () => void (await pool.query('SELECT 1')));
      stops.push(
        async () => health.close(),
        async () => relay.stop(),
        async () => anchoring.stop(),
        async () => sweep.stop(),
        async () => requeue.stop(),
        async () => dispatcher.stop(),
      );
    },
    stop: async () => {
      stopping.abort(
        new WeighbridgeError('UNAVAILABLE', 'the worker is stopping', {
          next: 'Wait: another worker goes on.',
          retryable: true,
        }),
      );
      for (const stop of stops) await stop().catch(onError);
      await own.trainer.close();
      await vault.close();
      await prisma.$disconnect();
      await pool.end();
    },
  };
}

function found<T>(value: T | undefined, what: string): T {
  if (value !== undefined) return value;
  throw new WeighbridgeError('DATASET_NOT_FOUND', `the job's ${what} is not in the catalog`, {
    next: 'Restore the catalog: the log holds the record that listed it.',
  });
}

function secret(file: string): string {
  return readFileSync(file, 'utf8').trim();
}

function accountOf(file: string): PrivateKeyAccount {
  return privateKeyToAccount(secret(file) as Hex);
}

function seed(file: string): Uint8Array {
  const bytes = fromHex(secret(file));
  if (bytes.length === 32) return bytes;
  throw new WeighbridgeError('CONFIG_INVALID', `${file} does not hold 32 bytes in hex`, {
    next: 'Write 64 hex digits to it.',
  });
}
