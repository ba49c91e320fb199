import { Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import type { QueueEvents } from 'bullmq';
import { WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import { QUEUES, Queues, type QueueName } from '../../platform/index.js';
import { isFinal } from '../job-state.js';
import type { Job } from '../job.js';
import { JobRepository } from '../job.repository.js';
import { isNews, progressOf, readReport, type Progress } from './progress.js';

/** Events are fast but may be lost; the row is what counts, and is read this often. */
const POLL_MS = 2_000;
const MAX_WATCHES_PER_VIEWER = 32;

/**
 * Watches jobs for subscribers: first what the row says, then what workers report through the queue, and in between the row
 * again, so that a lost event delays a watcher but never hangs it. A watch ends with the job.
 */
@Injectable()
export class JobWatch implements OnModuleInit, OnModuleDestroy {
  private events: QueueEvents[] = [];
  private readonly listeners = new Map<string, Set<(progress: Progress) => void>>();
  /** What was last heard of jobs whose rows are being fetched: a row of the database does not keep it. */
  private readonly fetching = new Map<string, Progress>();
  private readonly watchesOf = new Map<string, number>();
  private readonly closing = new AbortController();

  constructor(
    private readonly queues: Queues,
    private readonly jobs: JobRepository,
  ) {}

  onModuleInit(): void {
    this.events = (Object.keys(QUEUES) as QueueName[]).map((name) => {
      const events = this.queues.events(name);
      events.on('progress', ({ jobId, data }) => {
        const progress = readReport(data);
        if (progress === undefined) return;
        if (progress.fetchedBytes === null) this.fetching.delete(jobId);
        else this.fetching.set(jobId, progress);
        this.listeners.get(jobId)?.forEach((listener) => listener(progress));
      });
      return events;
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.closing.abort();
    await Promise.all(this.events.map(async (events) => events.close()));
  }

  /** Where a job stands: what its row says, and how much of its rows the worker has, while it fetches them. */
  latest(job: Job): Progress {
    const row = progressOf(job);
    const heard = this.fetching.get(job.id);
    if (heard === undefined) return row;
    // The worker that said so may have gone since.
    if (row.state !== 'training') this.fetching.delete(job.id);
    if (row.state !== 'training' || row.step !== heard.step || row.waitingFor !== null) return row;
    return { ...row, fetchedBytes: heard.fetchedBytes, toFetchBytes: heard.toFetchBytes };
  }

  /**
   * @param viewer - who is charged for the watch
   * @throws WeighbridgeError RATE_LIMITED for one watch too many of one viewer
   */
  watch(orderId: Bytes32, viewer: string): AsyncIterableIterator<Progress> {
    const open = this.watchesOf.get(viewer) ?? 0;
    if (open >= MAX_WATCHES_PER_VIEWER) {
      throw new WeighbridgeError('RATE_LIMITED', `${open} jobs are being watched already`, {
        next: 'End a subscription before you start another.',
      });
    }
    const stop = new AbortController();
    const signal = AbortSignal.any([stop.signal, this.closing.signal]);
    const generator = this.follow(orderId, signal);
    const end = this.countWatch(viewer, open);
    // A generator that waits cannot be returned from: leaving must wake it first.
    return {
      next: async () => {
        const result = await generator.next();
        if (result.done === true) end();
        return result;
      },
      return: async () => {
        end();
        stop.abort();
        return generator.return(undefined);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private async *follow(orderId: Bytes32, signal: AbortSignal): AsyncGenerator<Progress, undefined> {
    const inbox = new Inbox(signal);
    const listeners = this.listeners.get(orderId) ?? new Set();
    this.listeners.set(orderId, listeners.add(inbox.push));
    try {
      let last: Progress | undefined;
      while (!signal.aborted) {
        const reports = [...inbox.take(), this.latest(await this.jobs.get(orderId))];
        for (const progress of reports) {
          if (!isNews(last, progress)) continue;
          last = progress;
          yield progress;
        }
        if (last !== undefined && isFinal(last.state)) return;
        await inbox.wait(POLL_MS);
      }
    } finally {
      listeners.delete(inbox.push);
      if (listeners.size === 0) this.listeners.delete(orderId);
    }
  }

  /** Counts one more watch of the viewer, and gives the function that counts it off, once. */
  private countWatch(viewer: string, open: number): () => void {
    this.watchesOf.set(viewer, open + 1);
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      const left = (this.watchesOf.get(viewer) ?? 1) - 1;
      if (left === 0) this.watchesOf.delete(viewer);
      else this.watchesOf.set(viewer, left);
    };
  }
}

/** Reports that came in while the watcher was busy. */
class Inbox {
  private reports: Progress[] = [];
  private wake: () => void = () => undefined;

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', () => this.wake(), { once: true });
  }

  readonly push = (progress: Progress): void => {
    this.reports.push(progress);
    this.wake();
  };

  take(): Progress[] {
    return this.reports.splice(0);
  }

  /** Until something is in the box, the time is over, or the watcher leaves. */
  async wait(timeoutMs: number): Promise<void> {
    if (this.reports.length > 0 || this.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
