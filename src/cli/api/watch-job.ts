import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { isWeighbridgeError, WeighbridgeError, type Bytes32 } from '../../kernel/index.js';
import { jobProgress } from './operations.js';
import { isFinal, JOB_STATES, progressSchema, type JobProgress } from './schemas.js';

export interface WatchOptions {
  apiUrl: string;
  id: Bytes32;
  signal: AbortSignal;
  token(fresh?: boolean): Promise<string>;
  /** The same by query: the truth when the socket is silent. */
  poll(): Promise<JobProgress>;
}

const POLL_MS = 2_000;
/** An API that restarts is back well within this; after it the user gets the command line back, the job goes on. */
const GIVE_UP_MS = 3 * 60_000;

/**
 * A job's progress, live, until it is final. The subscription gives speed, a slow poll beside it gives certainty: messages
 * that a restart of the API swallowed are seen by the next poll, and if no socket can be had polling alone goes on.
 * @throws WeighbridgeError UNAVAILABLE when the API was away for three minutes
 */
export async function* watchJob(options: WatchOptions): AsyncGenerator<JobProgress> {
  const inbox: JobProgress[] = [];
  let wake: () => void = () => undefined;
  const receive = (progress: JobProgress): void => {
    inbox.push(progress);
    wake();
  };
  const unsubscribe = subscribe(options, receive);
  try {
    let shown = -1;
    let waiting: JobProgress['waitingFor'];
    let fetched: JobProgress['fetchedBytes'];
    let lastHeardMs = performance.now();
    let polledMs = -Infinity;
    for (;;) {
      options.signal.throwIfAborted();
      if (performance.now() - polledMs >= POLL_MS) {
        polledMs = performance.now();
        const polled = await options.poll().catch((error: unknown) => rethrowUnlessAway(error));
        if (polled !== undefined) inbox.push(polled);
      }
      if (inbox.length > 0) lastHeardMs = performance.now();
      for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
        // A poll that was under way when a message came is older than it.
        const rank = rankOf(next);
        const isFurther = (next.fetchedBytes ?? -1n) > (fetched ?? -1n);
        if (rank > shown || (rank === shown && (next.waitingFor !== waiting || isFurther))) {
          yield next;
          ({ waitingFor: waiting, fetchedBytes: fetched } = next);
          shown = rank;
        }
        if (isFinal(next.state)) return;
      }
      if (performance.now() - lastHeardMs > GIVE_UP_MS) throw away(options.id);
      await Promise.race([new Promise<void>((resolve) => (wake = resolve)), sleep(POLL_MS)]);
    }
  } finally {
    unsubscribe();
  }
}

/** Grows along every path of a job. */
function rankOf({ state, step }: JobProgress): number {
  return JOB_STATES.indexOf(state) * 1e9 + step;
}

function subscribe({ apiUrl, id, token }: WatchOptions, receive: (progress: JobProgress) => void): () => void {
  const url = new URL('/graphql', apiUrl);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const client = createClient({
    url: url.href,
    webSocketImpl: WebSocket,
    connectionParams: async () => ({ authorization: `Bearer ${await token()}` }),
    retryAttempts: Number.POSITIVE_INFINITY,
    retryWait: async (retries) => sleep(Math.min(250 * 2 ** retries, 5_000)),
    shouldRetry: () => true,
    keepAlive: 15_000,
  });
  const stop = client.subscribe(
    { query: jobProgress, variables: { id } },
    {
      next: ({ data }) => {
        const progress = progressSchema.safeParse(data?.['jobProgress']);
        if (progress.success) receive(progress.data);
      },
      // The poll tells what is wrong, if it is not only the socket.
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return () => {
    stop();
    // Rejects if there never was a connection, and may take its time: neither matters any more.
    Promise.resolve(client.dispose()).catch(() => undefined);
  };
}

function rethrowUnlessAway(error: unknown): undefined {
  if (isWeighbridgeError(error) && error.retryable) return undefined;
  throw error;
}

function away(id: Bytes32): WeighbridgeError {
  return new WeighbridgeError('UNAVAILABLE', 'the marketplace has not answered for three minutes', {
    next: `Your job goes on without you. Later run "weighbridge job ${id.slice(0, 10)} --out weights.safetensors".`,
    retryable: true,
  });
}
