import rateLimit from '@fastify/rate-limit';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { WeighbridgeError } from '../kernel/index.js';
import { Sessions } from '../identity/index.js';

export interface RateLimits {
  /** Requests a minute from one IP address. */
  perAddress: number;
  /** Requests a minute of one session. */
  perSession: number;
}

const WINDOW_MS = 60_000;
/** Addresses and sessions that are counted at once, each; the oldest are forgotten first. */
const CACHE_ENTRIES = 20_000;
/** Orchestrators and scrapers ask often, from one address, for nothing that costs. */
const UNLIMITED = new Set(['/healthz', '/readyz', '/metrics']);

/**
 * Before anything of a request is read: counts it against its IP address, finds out who asks, and counts it against the
 * session as well. Tokens that sign nobody in are counted against the address alone, so trying tokens gains nothing.
 */
export async function installFrontDoor(app: NestFastifyApplication, limits: RateLimits): Promise<void> {
  const sessions = app.get(Sessions);
  const fastify = app.getHttpAdapter().getInstance();
  await fastify.register(rateLimit, { global: false, cache: CACHE_ENTRIES, timeWindow: WINDOW_MS });
  const byAddress = fastify.createRateLimit({ max: limits.perAddress, timeWindow: WINDOW_MS });
  const bySession = fastify.createRateLimit({
    max: limits.perSession,
    timeWindow: WINDOW_MS,
    keyGenerator: (request) => request.viewer?.sessionDigest ?? 'none',
  });
  fastify.decorateRequest('viewer', undefined);
  fastify.addHook('onRequest', async (request: FastifyRequest) => {
    if (UNLIMITED.has(request.url)) return;
    refuseAbove(await byAddress(request), 'from this address');
    request.viewer = await sessions.viewerOf(request.headers.authorization);
    if (request.viewer !== undefined) refuseAbove(await bySession(request), 'of this session');
  });
}

type Verdict = { isAllowed: boolean; isExceeded?: boolean; ttlInSeconds?: number };

function refuseAbove({ isAllowed, isExceeded, ttlInSeconds }: Verdict, whose: string): void {
  if (isAllowed || isExceeded !== true) return;
  throw new WeighbridgeError('RATE_LIMITED', `too many requests ${whose}`, {
    next: `Wait ${ttlInSeconds ?? 60} seconds, then ask less often.`,
    details: { retryAfterSeconds: ttlInSeconds ?? 60 },
    retryable: true,
  });
}
