import { setTimeout as sleep } from 'node:timers/promises';
import { ERROR_CODES, WeighbridgeError, type ErrorCode } from '../../kernel/index.js';

export interface HttpOptions {
  method?: 'GET' | 'POST' | 'PUT';
  headers?: Record<string, string>;
  /** Bytes or text that can be sent again; a stream could not. */
  body?: string | Uint8Array;
  timeoutMs: number;
  /** True only where doing it twice is doing it once. */
  idempotent: boolean;
}

const ATTEMPTS = 4;
const FIRST_WAIT_MS = 250;

/**
 * One HTTP exchange with the marketplace. What did not arrive is sent again a few times, if that is harmless; an answer,
 * whatever it says, is an answer, except for 429, 502, 503 and 504.
 * @throws WeighbridgeError UNAVAILABLE (retryable) when nothing answers
 */
export async function http(url: string, options: HttpOptions): Promise<Response> {
  const attempts = options.idempotent ? ATTEMPTS : 1;
  for (let attempt = 1; ; attempt++) {
    const outcome = await once(url, options);
    const isBusy = outcome instanceof Response && [429, 502, 503, 504].includes(outcome.status);
    if (outcome instanceof Response && !(isBusy && attempt < attempts)) return outcome;
    if (attempt >= attempts && !(outcome instanceof Response)) throw unavailable(url, outcome);
    if (outcome instanceof Response) await outcome.body?.cancel();
    await sleep(waitMs(outcome, attempt));
  }
}

async function once(url: string, { method = 'GET', headers, body, timeoutMs }: HttpOptions): Promise<Response | Error> {
  try {
    // undici takes bytes; the DOM's type of them is narrower than Node's.
    const init = {
      method,
      headers: headers ?? {},
      body: (body ?? null) as BodyInit | null,
      signal: AbortSignal.timeout(timeoutMs),
      // Token and model go to the marketplace that the network file names, and nowhere else.
      redirect: 'manual' as const,
    };
    return await fetch(url, init);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function waitMs(outcome: Response | Error, attempt: number): number {
  const asked = outcome instanceof Response ? Number(outcome.headers.get('retry-after')) : 0;
  const backOff = FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  return Math.max(backOff, Math.min(Number.isFinite(asked) ? asked * 1000 : 0, 10_000));
}

export function unavailable(url: string, cause: unknown): WeighbridgeError {
  const why = cause instanceof Error && cause.name === 'TimeoutError' ? 'did not answer in time' : 'cannot be reached';
  return new WeighbridgeError('UNAVAILABLE', `the marketplace at ${new URL(url).origin} ${why}`, {
    next: 'Check that it runs and that the network file names it (apiUrl), then run the same command again.',
    retryable: true,
    cause,
  });
}

/** The error in an answer's JSON body, from a GraphQL `extensions` or a plain HTTP answer. */
export function errorFrom(body: unknown, fallback: { message: string; status?: number }): WeighbridgeError {
  const fields = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  const code = ERROR_CODES.find((known) => known === fields['code']) ?? codeOfStatus(fallback.status);
  const { next, details, message } = fields;
  return new WeighbridgeError(code, typeof message === 'string' ? message : fallback.message, {
    next: typeof next === 'string' ? next : 'Run the same command again; if it fails again, tell the marketplace.',
    ...(typeof details === 'object' && details !== null ? { details: details as Record<string, unknown> } : {}),
    retryable: fields['retryable'] === true || code === 'UNAVAILABLE' || code === 'RATE_LIMITED',
  });
}

function codeOfStatus(status: number | undefined): ErrorCode {
  if (status === 401) return 'UNAUTHENTICATED';
  if (status === 403) return 'FORBIDDEN';
  if (status === 404) return 'BLOB_NOT_FOUND';
  if (status === 413) return 'TOO_LARGE';
  if (status === 429) return 'RATE_LIMITED';
  if (status !== undefined && status >= 502 && status <= 504) return 'UNAVAILABLE';
  return 'INTERNAL';
}
