import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AppModule } from './app.module.js';
import type { MarketplaceChain } from './access/index.js';
import type { ApiEnv } from './platform/index.js';
import { BlobStore, Queues } from './platform/index.js';
import type { LogClient, RecordSigner } from './provenance/index.js';
import { createServer } from './server/index.js';

/** What the API needs from outside: the log, the chain to read, and the key that signs the marketplace's own records. */
export interface ApiPorts {
  log: LogClient;
  chain: Pick<MarketplaceChain, 'order' | 'offerOf' | 'isRevoked' | 'isLicenceRevoked' | 'now'>;
  recorder: RecordSigner;
}

/** The API, ready to listen. Its database must have every migration. */
export async function createApi(env: ApiEnv, ports: ApiPorts): Promise<NestFastifyApplication> {
  const queue = { databaseUrl: env.DATABASE_URL, redisUrl: env.REDIS_URL };
  await new BlobStore(env.BLOB_DIR).prepare();
  await new Queues(queue).migrate();
  const network = env.WEIGHBRIDGE_NETWORK;
  const module = AppModule.forRoot({ ...queue, network, blobDir: env.BLOB_DIR, logLevel: env.LOG_LEVEL, ports });
  return createServer(module, {
    rateLimits: { perAddress: env.RATE_LIMIT_PER_ADDRESS, perSession: env.RATE_LIMIT_PER_SESSION },
    trustProxy: env.TRUST_PROXY === 'true',
  });
}
