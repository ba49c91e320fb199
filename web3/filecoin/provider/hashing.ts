import { Worker } from 'node:worker_threads';

export type HashRequest = { id: number } & (
  { kind: 'block'; bytes: Uint8Array<SharedArrayBuffer> } | { kind: 'end' } | { kind: 'drop' }
);
export type HashAnswer = { id: number } & ({ kind: 'took' } | { kind: 'cid'; pieceCid: string });

/** Blocks of one piece that may wait to be hashed: a sender is slowed down to the speed of the hash. */
const BLOCKS_AHEAD = 4;
export const BLOCK_BYTES = 1 << 20;

/** The piece CID of bytes that arrive. */
export interface ArrivingPiece {
  /** Memory for the next bytes, `BLOCK_BYTES` of it. Waits while too many blocks are not hashed yet. */
  block(): Promise<Uint8Array<SharedArrayBuffer>>;
  /** Gives a block, or its first bytes, to be hashed. It is used again afterwards. */
  write(bytes: Uint8Array<SharedArrayBuffer>): void;
  digest(): Promise<string>;
  /** Ends it without a CID. */
  drop(): void;
}

/** Hashes in a thread of its own, so that the next bytes are taken from the network meanwhile. */
export class HashingThread {
  private worker: Worker | undefined;
  private readonly listeners = new Map<number, (answer: HashAnswer | Error) => void>();
  private next = 0;
  /** Blocks go round: fresh ones for every MiB would keep the garbage collector busier than the hash. */
  private readonly free: SharedArrayBuffer[] = [];

  open(): ArrivingPiece {
    const id = this.next++;
    const worker = (this.worker ??= this.start());
    const post = (request: HashRequest): void => worker.postMessage(request);
    const waiting: SharedArrayBuffer[] = [];
    let pieceCid: string | undefined;
    let failure: Error | undefined;
    let wake: () => void = () => undefined;
    this.listeners.set(id, (answer) => {
      if (answer instanceof Error) failure = answer;
      else if (answer.kind === 'took') this.free.push(...waiting.splice(0, 1));
      else pieceCid = answer.pieceCid;
      wake();
    });
    const until = async (done: () => boolean): Promise<void> => {
      while (!done() && failure === undefined) await new Promise<void>((resolve) => (wake = resolve));
      if (failure !== undefined) throw failure;
    };
    return {
      block: async () => {
        await until(() => waiting.length < BLOCKS_AHEAD);
        return new Uint8Array(this.free.pop() ?? new SharedArrayBuffer(BLOCK_BYTES));
      },
      write: (bytes) => {
        waiting.push(bytes.buffer);
        post({ id, kind: 'block', bytes });
      },
      digest: async () => {
        post({ id, kind: 'end' });
        await until(() => pieceCid !== undefined);
        this.listeners.delete(id);
        return pieceCid ?? '';
      },
      drop: () => {
        post({ id, kind: 'drop' });
        this.listeners.delete(id);
      },
    };
  }

  private start(): Worker {
    const worker = new Worker(new URL('./hash-thread.js', import.meta.url));
    worker.on('message', (answer: HashAnswer) => this.listeners.get(answer.id)?.(answer));
    worker.on('error', (error: Error) => {
      for (const tell of this.listeners.values()) tell(error);
      this.worker = undefined; // the next piece gets a new one
    });
    // After its listeners: to listen is to hold the process, which this thread is not to keep alive.
    worker.unref();
    return worker;
  }
}
