import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import type { PieceHeader } from '../../../src/storage/index.js';
import { isNative, SLOW_HASH } from '../sha256-pairs.js';
import type { Job, Order, Told } from './messages.js';

/** Two pieces at once keep two cores busy; more only takes memory. */
const THREADS = 2;

/** Blocks lie outside the heap; a small heap is collected often, and lets them go. */
const SMALL = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 96 };

/** A piece that is made as it is read. */
export interface SealedPiece {
  /** A block is good until the next one is asked for: its memory is written again then. */
  bytes: AsyncIterable<Uint8Array>;
  /** Known after the last byte. */
  pieceCid(): string;
}

/** What costs processor time in publishing, in threads of its own: reading, SHA-256, AES-GCM, fr32, the tree of the CID. */
export class SealingThreads {
  readonly notice = isNative ? undefined : SLOW_HASH;
  private readonly threads: { worker: Worker; jobs: number }[];

  /** Starts them: each needs a tenth of a second, and the seller's file is hashed and read first. */
  constructor() {
    this.threads = Array.from({ length: Math.min(THREADS, availableParallelism()) }, () => {
      const worker = new Worker(new URL('./sealing-thread.js', import.meta.url), { resourceLimits: SMALL });
      worker.unref();
      worker.setMaxListeners(100);
      worker.on('error', () => undefined); // whoever has a job there hears of it
      return { worker, jobs: 0 };
    });
  }

  /** SHA-256 of a file, hex. */
  async digest(file: string, onProgress: (bytes: number) => void = () => undefined): Promise<string> {
    for await (const told of this.run({ kind: 'digest', file })) {
      if (told.kind === 'done') return told.result;
      if (told.kind === 'progress') onProgress(told.bytes);
    }
    throw new Error('the thread said nothing');
  }

  /**
   * Encrypts a shard. Starts when `bytes` is first read, and goes no further ahead of its reader than a few MiB.
   * @param key - 32 bytes, for this shard only; overwritten
   * @param layout - `encodeLayout` of the shard, for its index; none unless given
   */
  seal(
    file: string,
    dataBytes: number,
    key: Uint8Array,
    header: PieceHeader,
    layout: Uint8Array = new Uint8Array(0),
  ): SealedPiece {
    let pieceCid: string | undefined;
    const told = (): AsyncGenerator<Told> => this.run({ kind: 'seal', file, dataBytes, key, header, layout });
    const bytes = async function* (): AsyncGenerator<Uint8Array> {
      for await (const one of told()) {
        if (one.kind === 'block') yield one.bytes;
        if (one.kind === 'done') pieceCid = one.result;
      }
    };
    return {
      bytes: bytes(),
      pieceCid: () => {
        if (pieceCid === undefined) throw new Error('the piece is not read to its end');
        return pieceCid;
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.splice(0).map(async ({ worker }) => worker.terminate()));
  }

  private async *run(job: Job): AsyncGenerator<Told> {
    const thread = this.idlest();
    thread.jobs++;
    const { port1: port, port2 } = new MessageChannel();
    const ended = new AbortController();
    const died = once(thread.worker, 'error', { signal: ended.signal }).then(([error]) =>
      Promise.reject(error as Error),
    );
    died.catch(() => undefined);
    try {
      const order: Order = { job, port: port2 };
      thread.worker.postMessage(order, [port2]);
      if (job.kind === 'seal') job.key.fill(0); // it was copied
      for await (const told of messages(port, died)) {
        if (told.kind === 'failed') throw Object.assign(new Error(told.message), { code: told.code });
        yield told;
        if (told.kind === 'done') return;
        if (told.kind === 'block') port.postMessage('read');
      }
    } finally {
      thread.jobs--;
      ended.abort(); // or each job would leave a listener at the thread
      port.close();
    }
  }

  private idlest(): { worker: Worker; jobs: number } {
    const [best] = this.threads.toSorted((a, b) => a.jobs - b.jobs);
    if (best === undefined) throw new Error('the threads are closed');
    return best;
  }
}

async function* messages(port: MessagePort, died: Promise<never>): AsyncGenerator<Told> {
  const queue: Told[] = [];
  let wake: () => void = () => undefined;
  port.on('message', (told: Told) => {
    queue.push(told);
    wake();
  });
  for (;;) {
    const next = queue.shift();
    if (next !== undefined) yield next;
    else await Promise.race([new Promise<void>((resolve) => (wake = resolve)), died]);
  }
}
