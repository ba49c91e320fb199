import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { WeighbridgeError, type Bytes32 } from '../kernel/index.js';
import type { IndexedRecord } from '../provenance/index.js';
import { FindRecords } from './find-records.js';

const POLL_MS = 1_000;
const PAGE = 100;
/** Everybody may follow the log, so this many in all; each costs one small query a second. */
const MAX_FOLLOWERS = 128;

/** Follows the log for subscribers, from its present end on, in order and without a gap. */
@Injectable()
export class FollowRecords implements OnModuleDestroy {
  private followers = 0;
  private readonly closing = new AbortController();

  constructor(private readonly records: FindRecords) {}

  onModuleDestroy(): void {
    this.closing.abort();
  }

  /** @throws WeighbridgeError RATE_LIMITED for one follower too many */
  follow(keyId: Bytes32 | undefined): AsyncIterableIterator<IndexedRecord> {
    if (this.followers >= MAX_FOLLOWERS) {
      throw new WeighbridgeError('RATE_LIMITED', `${this.followers} subscribers follow the log already`, {
        next: 'Try again later, or poll accessRecords with `after`.',
        retryable: true,
      });
    }
    this.followers += 1;
    const stop = new AbortController();
    const generator = this.read(keyId, AbortSignal.any([stop.signal, this.closing.signal]));
    let ended = false;
    const end = (): void => {
      if (!ended) this.followers -= 1;
      ended = true;
      stop.abort();
    };
    // A generator that waits cannot be returned from: leaving must wake it first.
    return {
      next: async () => {
        const result = await generator.next();
        if (result.done === true) end();
        return result;
      },
      return: async () => {
        end();
        return generator.return(undefined);
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  private async *read(keyId: Bytes32 | undefined, signal: AbortSignal): AsyncGenerator<IndexedRecord, undefined> {
    let last = await this.records.newest();
    while (!signal.aborted) {
      const records = await this.records.following(last, keyId, PAGE);
      for (const record of records) {
        last = record.index;
        yield record;
      }
      if (records.length < PAGE) await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
