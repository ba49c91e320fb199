import { Worker } from 'node:worker_threads';
import type { FileHashing } from './file-hash.js';

export type FileHashRequest = { id: number } & (
  { kind: 'open'; fd: number } | { kind: 'reach'; toByte: number } | { kind: 'digest' } | { kind: 'drop' }
);
export type FileHashAnswer = { id: number } & ({ pieceCid: string } | { failure: string });

/** Hashes downloads in one thread beside the caller's, so that bytes are taken from the network meanwhile. */
export function hashInThread(): FileHashing {
  const waiting = new Map<number, (answer: FileHashAnswer | Error) => void>();
  let worker: Worker | undefined;
  let next = 0;
  const start = (): Worker => {
    const started = new Worker(new URL('./file-hash-thread.js', import.meta.url));
    started.on('message', (answer: FileHashAnswer) => waiting.get(answer.id)?.(answer));
    started.on('error', (error: Error) => {
      worker = undefined; // the next piece gets a new one
      for (const tell of waiting.values()) tell(error);
    });
    return started;
  };
  return (fd) => {
    const id = next++;
    const thread = (worker ??= start());
    thread.ref(); // somebody waits for it
    const post = (request: FileHashRequest): void => thread.postMessage(request);
    const ended = new Promise<string>((resolve, reject) => {
      waiting.set(id, (answer) => {
        if (answer instanceof Error) reject(answer);
        else if ('failure' in answer) reject(new Error(answer.failure));
        else resolve(answer.pieceCid);
      });
    }).finally(() => {
      waiting.delete(id);
      if (waiting.size === 0) thread.unref(); // idle, it keeps no process alive
    });
    ended.catch(() => undefined);
    post({ id, kind: 'open', fd });
    return {
      reach: (toByte) => post({ id, kind: 'reach', toByte }),
      digest: async () => {
        post({ id, kind: 'digest' });
        return ended;
      },
      drop: async () => {
        post({ id, kind: 'drop' });
        await ended.catch(() => undefined);
      },
    };
  };
}
