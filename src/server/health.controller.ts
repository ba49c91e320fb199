import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Requires } from '../identity/index.js';

/** One part that the API cannot do its work without. */
export interface ReadinessCheck {
  name: string;
  /** Throws if the part does not answer. */
  check(): Promise<unknown>;
}
export const READINESS_CHECKS = Symbol('ReadinessChecks');
const CHECK_TIMEOUT_MS = 3_000;

@Controller()
export class HealthController {
  constructor(@Inject(READINESS_CHECKS) private readonly checks: readonly ReadinessCheck[]) {}

  /** The process runs and answers. */
  @Requires('health.read')
  @Get('healthz')
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** Everything that it needs answers as well: 200, else 503 with what does not. Says no more than that: it is public. */
  @Requires('health.read')
  @Get('readyz')
  async ready(
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<{ status: string; checks: Record<string, string> }> {
    const results = await Promise.all(
      this.checks.map(async ({ name, check }) => [name, await verdict(check)] as const),
    );
    const ready = results.every(([, result]) => result === 'ok');
    if (!ready) void reply.status(503);
    return { status: ready ? 'ok' : 'unavailable', checks: Object.fromEntries(results) };
  }
}

async function verdict(check: () => Promise<unknown>): Promise<'ok' | 'failed' | 'slow'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'slow'>((resolve) => {
    timer = setTimeout(() => resolve('slow'), CHECK_TIMEOUT_MS);
  });
  const answer = check().then(
    () => 'ok' as const,
    () => 'failed' as const,
  );
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}
