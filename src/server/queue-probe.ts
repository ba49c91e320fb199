import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { Queue } from 'bullmq';
import { Queues } from '../platform/index.js';

/** Asks the queue for something small, to see that it answers. */
@Injectable()
export class QueueProbe implements OnModuleInit, OnModuleDestroy {
  private queue: Queue | undefined;

  constructor(private readonly queues: Queues) {}

  onModuleInit(): void {
    this.queue = this.queues.queue('training');
  }

  async onModuleDestroy(): Promise<void> {
    await this.queue?.close();
  }

  /** @throws Error if it does not answer */
  async check(): Promise<void> {
    if (this.queue === undefined) throw new Error('not started');
    await this.queue.getWaitingCount();
  }
}
