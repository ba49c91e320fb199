import type { MessagePort } from 'node:worker_threads';
import { BLOCKS_AHEAD } from './messages.js';

/**
 * The blocks that a thread fills and another reads, over and over: memory stays the same however much goes through, and
 * whoever makes blocks waits for whoever reads them.
 */
export class BlockRing {
  private readonly free: SharedArrayBuffer[];
  private wake: () => void = () => undefined;

  constructor(readonly blockBytes: number) {
    this.free = Array.from({ length: BLOCKS_AHEAD }, () => new SharedArrayBuffer(blockBytes));
  }

  /** The blocks for one reader, who gives each back by a message, and all of them by closing its end. */
  lendTo(port: MessagePort): () => Promise<Uint8Array<SharedArrayBuffer>> {
    const lent: SharedArrayBuffer[] = [];
    let closed = false;
    const giveBack = (count: number): void => {
      this.free.push(...lent.splice(0, count));
      this.wake();
    };
    port.on('message', () => giveBack(1));
    port.once('close', () => {
      closed = true;
      giveBack(lent.length);
    });
    return async () => {
      for (;;) {
        if (closed) throw new Error('nobody takes the piece any more');
        const block = this.free.shift();
        if (block !== undefined) {
          lent.push(block);
          return new Uint8Array(block);
        }
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
    };
  }
}
