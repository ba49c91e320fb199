import { Module } from '@nestjs/common';
import { APP_FILTER } from '@nestjs/core';
import { DatabasePool, LOG_CLIENT, MARKETPLACE_CHAIN } from '../platform/index.js';
import type { LogClient } from '../provenance/index.js';
import type { MarketplaceChain } from '../access/index.js';
import { TrainingModule } from '../training/index.js';
import { ErrorFilter } from './http-errors.js';
import { HealthController, READINESS_CHECKS, type ReadinessCheck } from './health.controller.js';
import { Metrics, MetricsController } from './metrics.js';
import { QueueProbe } from './queue-probe.js';

/** What the process shows of itself, and how it answers when something fails. */
@Module({
  imports: [TrainingModule],
  controllers: [HealthController, MetricsController],
  providers: [
    Metrics,
    QueueProbe,
    ErrorFilter,
    { provide: APP_FILTER, useExisting: ErrorFilter },
    {
      provide: READINESS_CHECKS,
      inject: [DatabasePool, QueueProbe, LOG_CLIENT, MARKETPLACE_CHAIN],
      useFactory: (
        pool: DatabasePool,
        queue: QueueProbe,
        log: LogClient,
        chain: Pick<MarketplaceChain, 'now'>,
      ): ReadinessCheck[] => [
        { name: 'database', check: async () => pool.query('SELECT FROM jobs LIMIT 0') },
        { name: 'queue', check: async () => queue.check() },
        { name: 'log', check: async () => log.checkpoint() },
        { name: 'chain', check: async () => chain.now() },
      ],
    },
  ],
})
export class ServerModule {}
