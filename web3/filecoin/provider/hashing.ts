import { Worker } from 'node:worker_threads';

export type HashRequest = { id: number } & (
  { kind: 'block'; bytes: Uint8Array<ArrayBuffer> } | { kind: 'end' } | { kind: 'drop' }
);
export type HashAnswer = { id: number } & ({ kind: 'took' } | { kind: 'cid'; pieceCid: string });

/** Blocks of one piece that may wait to be hashed: a sender is slowed down to the speed of the hash. */
const BLOCKS_AHEAD = 4;

/** The piece CID of bytes that arrive. */
export interface ArrivingPiece {
  /** Takes a block over: its memory moves. Waits while too many are not hashed yet. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  digest(): Promise<string>;
  /** Ends it without a CID. */
  drop(): void;
}

/** Hashes in a thread of its own, so that the next bytes are taken from the network meanwhile. */
export class HashingThread {
  private worker: Worker | undefined;
  private readonly listeners = new Map<number, (answer: HashAnswer | Error) => void>();
  private next = 0;

  open(): ArrivingPiece {
    const id = this.next++;
    const worker = (this.worker ??= this.start());
    const post = (request: HashRequest, moved: ArrayBuffer[] = []): void => worker.postMessage(request, moved);
    let waiting = 0;
    let pieceCid: string | undefined;
    let failure: Error | undefined;
    let wake: () => void = () => undefined;
    this.listeners.set(id, (answer) => {
      if (answer instanceof Error) failure = answer;
      else if (answer.kind === 'took') waiting--;
      else pieceCid = answer.pieceCid;
      wake();
    });
    const until = async (done: () => boolean): Promise<void> => {
      while (!done() && failure === undefined) await new Promise<void>((resolve) => (wake = resolve));
      if (failure !== undefined) throw failure;
    };
    return {
      write: async (bytes) => {
        waiting++;
        post({ id, kind: 'block', bytes }, [bytes.buffer]);
        await until(() => waiting < BLOCKS_AHEAD);
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
    worker.unref();
    worker.on('message', (answer: HashAnswer) => this.listeners.get(answer.id)?.(answer));
    worker.on('error', (error: Error) => {
      for (const tell of this.listeners.values()) tell(error);
      this.worker = undefined; // the next piece gets a new one
    });
    return worker;
  }
}
