import { z } from 'zod';
import { concatBytes, ERROR_CODES, hexBytesSchema, isWeighbridgeError, WeighbridgeError } from '../kernel/index.js';
import type { LogClient } from './ports.js';

export interface HttpLogOptions {
  /** Base URL of the log, with or without a slash at its end. */
  url: string;
  /** Only those who append need it. */
  token?: string;
  /** Of each attempt. */
  timeoutMs?: number;
  /** First try included. */
  attempts?: number;
  /** False for whoever reads much of the log from beside it: compressing costs the log more than the bytes do. */
  compressed?: boolean;
}

const DEFAULTS = { timeoutMs: 15_000, attempts: 6 };
const FIRST_PAUSE_MS = 150;
const MOST_PAUSE_MS = 3_000;
/** The largest answer there is: a bundle of 256 entries at their limit. */
const MAX_ANSWER_BYTES = 256 * (65_535 + 2);

const appendedSchema = z.object({ index: z.number().int().min(0), leafHash: z.string().regex(/^[0-9a-f]{64}$/) });
const checkpointSchema = z.object({
  size: z.number().int().min(0),
  root: z.string().regex(/^[0-9a-f]{64}$/),
  note: z.string().max(100_000),
  signatures: z.array(hexBytesSchema),
  waiting: z.object({ code: z.enum(ERROR_CODES), message: z.string().max(2_000) }).optional(),
});
const errorSchema = z.object({ error: z.object({ code: z.string(), message: z.string() }) });

/**
 * A log over HTTP. Every call has a time-out and is tried again a few times, appends too: the log answers an entry that it
 * has with the index it gave, so a repeat does no harm. Works in browsers. Trusts nothing: check what it answers.
 * @throws WeighbridgeError LOG_UNAVAILABLE (retryable), BAD_INPUT, UNAUTHENTICATED
 */
export function createHttpLogClient({ url, token, ...options }: HttpLogOptions): LogClient {
  const { timeoutMs = DEFAULTS.timeoutMs, attempts = DEFAULTS.attempts, compressed = true } = options;
  const encoding: Record<string, string> = compressed ? {} : { 'accept-encoding': 'identity' };
  const base = url.endsWith('/') ? url : `${url}/`;
  const request = async (path: string, init: RequestInit = {}): Promise<Uint8Array> =>
    withRetries(attempts, async () =>
      fetchOnce(new URL(path, base), { ...init, signal: AbortSignal.timeout(timeoutMs) }),
    );
  const authorization: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return {
    async append(entry) {
      const headers = { 'content-type': 'application/octet-stream', ...authorization };
      return parse(appendedSchema, await request('add', { method: 'POST', headers, body: new Uint8Array(entry) }));
    },
    checkpoint: async () => parse(checkpointSchema, await request('checkpoint.json', { cache: 'no-store' })),
    tile: async (path) => request(path, { headers: encoding }),
  };
}

async function fetchOnce(target: URL, init: RequestInit): Promise<Uint8Array> {
  const response = await fetch(target, init).catch((cause: unknown) => {
    throw unavailable(`${target.pathname} cannot be reached`, true, cause);
  });
  const body = await readBody(response);
  if (response.ok) return body;
  const said = errorSchema.safeParse(tryJson(body));
  const detail = said.success ? said.data.error.message : `HTTP ${response.status}`;
  if (response.status === 401) {
    throw new WeighbridgeError('UNAUTHENTICATED', detail, { next: 'Give the token of LOG_ADD_TOKEN_FILE.' });
  }
  if (response.status === 400 || response.status === 413) {
    throw new WeighbridgeError('BAD_INPUT', detail, { next: 'Build entries with sealRecord; ask for C2SP paths.' });
  }
  // 404: beyond the log, or a partial tile that is gone. Asking again brings nothing new.
  throw unavailable(`${target.pathname}: ${detail}`, response.status >= 500 || response.status === 429);
}

/** Reads as it comes, so that an endless answer ends at the limit and not in memory. */
async function readBody(response: Response): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const chunk = await reader?.read().catch((cause: unknown) => {
      throw unavailable('the answer broke off', true, cause);
    });
    if (chunk?.value === undefined) return concatBytes(...chunks);
    bytes += chunk.value.length;
    if (bytes > MAX_ANSWER_BYTES) {
      await reader?.cancel().catch(() => undefined);
      throw unavailable('the answer is too long', false);
    }
    chunks.push(chunk.value);
  }
}

function parse<T extends z.ZodType>(schema: T, body: Uint8Array): z.infer<T> {
  const result = schema.safeParse(tryJson(body));
  if (result.success) return result.data;
  throw unavailable('the answer is not what a log answers', false);
}

function tryJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

async function withRetries<T>(attempts: number, run: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt >= attempts || !isWeighbridgeError(error) || error.details.again !== true) throw error;
    }
    const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), MOST_PAUSE_MS);
    // Spread out, so that many callers that failed together do not come back together.
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random())));
  }
}

/** @param again - whether this client itself tries again at once */
function unavailable(detail: string, again: boolean, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('LOG_UNAVAILABLE', `log: ${detail}`, {
    next: 'Try again in a moment; if it stays so, look at the log process and its URL in network.json.',
    details: { again },
    retryable: true,
    cause,
  });
}
