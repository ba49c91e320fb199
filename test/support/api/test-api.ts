import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { privateKeyToAccount, generatePrivateKey } from 'viem/accounts';
import { createApi } from '../../../src/create-api.js';
import type { Network } from '../../../src/kernel/index.js';
import { PrismaService, type ApiEnv } from '../../../src/platform/index.js';
import { freePort } from '../../../web3/devnet/service.js';
import { startTestDatabase, type TestDatabase } from '../database.js';
import { FakeChain } from './fake-chain.js';
import { FakeLog } from './fake-log.js';
import { testNetwork } from './test-network.js';

export interface TestApi {
  app: NestFastifyApplication;
  env: ApiEnv;
  url: string;
  network: Network;
  database: TestDatabase;
  prisma: PrismaService;
  /** Fakes, at the edge of the process. */
  chain: FakeChain;
  log: FakeLog;
  /** Ends the application and starts it again on what it left behind. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** The real API on a free port, on a PostgreSQL of its own; log, chain and the recorder's key are fakes. */
export async function startTestApi(change: Partial<ApiEnv> = {}): Promise<TestApi> {
  const database = await startTestDatabase();
  const blobDir = mkdtempSync(path.join(tmpdir(), 'weighbridge-blobs-'));
  const port = await freePort();
  const recorder = privateKeyToAccount(generatePrivateKey());
  const network = testNetwork(`http://127.0.0.1:${port}`, recorder.address);
  const [chain, log] = [new FakeChain(network), new FakeLog()];
  const env: ApiEnv = {
    WEIGHBRIDGE_NETWORK: network,
    DATABASE_URL: database.url,
    REDIS_URL: undefined,
    LOG_LEVEL: 'silent',
    BLOB_DIR: blobDir,
    LOG_ADD_TOKEN_FILE: 'unused',
    RECORDER_KEY_FILE: 'unused',
    HOST: '127.0.0.1',
    PORT: port,
    RATE_LIMIT_PER_ADDRESS: 100_000,
    RATE_LIMIT_PER_SESSION: 100_000,
    TRUST_PROXY: 'false',
    ...change,
  };
  const start = async (): Promise<NestFastifyApplication> => {
    const app = await createApi(env, { chain, log, recorder });
    await app.listen(port, env.HOST);
    return app;
  };
  const app = await start();
  const api: TestApi = {
    app,
    env,
    url: network.apiUrl,
    network,
    database,
    chain,
    log,
    prisma: app.get(PrismaService),
    restart: async () => {
      await api.app.close();
      api.app = await start();
      api.prisma = api.app.get(PrismaService);
    },
    stop: async () => {
      await api.app.close();
      await database.stop();
      rmSync(blobDir, { recursive: true, force: true });
    },
  };
  return api;
}
