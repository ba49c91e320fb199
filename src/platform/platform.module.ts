import {
  Logger,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import type { Network } from '../kernel/index.js';
import { BlobStore } from './blobs/index.js';
import { DatabasePool, PrismaService } from './database.js';
import { OutboxDispatcher } from './outbox/index.js';
import { Queues } from './queue/index.js';
import { LOG_CLIENT, MARKETPLACE_CHAIN, NETWORK, RECORDER } from './tokens.js';

export interface PlatformOptions {
  network: Network;
  databaseUrl: string;
  redisUrl?: string | undefined;
  blobDir: string;
  /** The ports whose adapters live outside `src`; each module knows its own by the token. */
  ports: { log: unknown; chain: unknown; recorder: unknown };
}

/** What every module stands on, once a process. */
@Module({})
export class PlatformModule implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  constructor(
    private readonly pool: DatabasePool,
    private readonly prisma: PrismaService,
    private readonly outbox: OutboxDispatcher,
  ) {}

  static forRoot(options: PlatformOptions): DynamicModule {
    const { network, databaseUrl, redisUrl, blobDir, ports } = options;
    const pool = new DatabasePool(databaseUrl);
    const queues = new Queues({ databaseUrl, redisUrl });
    const values = [
      { provide: NETWORK, useValue: network },
      { provide: LOG_CLIENT, useValue: ports.log },
      { provide: MARKETPLACE_CHAIN, useValue: ports.chain },
      { provide: RECORDER, useValue: ports.recorder },
      { provide: DatabasePool, useValue: pool },
      { provide: PrismaService, useValue: new PrismaService(pool) },
      { provide: Queues, useValue: queues },
      { provide: BlobStore, useValue: new BlobStore(blobDir) },
      { provide: OutboxDispatcher, useValue: new OutboxDispatcher(pool, queues, logOutboxError) },
    ];
    return { module: PlatformModule, global: true, providers: values, exports: values.map(({ provide }) => provide) };
  }

  async onModuleInit(): Promise<void> {
    await this.outbox.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.outbox.stop();
  }

  /** Last of all: requests in hand still need the database. */
  async onApplicationShutdown(): Promise<void> {
    await this.prisma.$disconnect();
    await this.pool.end();
  }
}

function logOutboxError(err: unknown): void {
  new Logger('Outbox').warn({ err, msg: 'the outbox cannot be emptied; it is tried again every second' });
}
