import { randomUUID } from 'node:crypto';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import { MAX_BODY_BYTES } from './graphql.js';
import { Metrics } from './metrics.js';
import { installFrontDoor, type RateLimits } from './rate-limits.js';

export interface ServerOptions {
  rateLimits: RateLimits;
  /** Set behind a proxy: the client's address is then what the proxy says. */
  trustProxy: boolean;
}

/** A model of the largest size over a slow line. */
const UPLOAD_TIMEOUT_MS = 10 * 60 * 1000;

/** The application, ready to listen; `close` ends it gracefully: requests in hand first, the database last. */
export async function createServer(module: DynamicModule, options: ServerOptions): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_BODY_BYTES,
    trustProxy: options.trustProxy,
    requestTimeout: UPLOAD_TIMEOUT_MS,
    forceCloseConnections: true, // an open subscription must not hold up the end
    genReqId: () => randomUUID(),
  });
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, { bufferLogs: true });
  app.useLogger(app.get(Logger));
  app.enableShutdownHooks();
  const fastify = app.getHttpAdapter().getInstance();
  // Blobs are streamed to the disk by their route: never parsed, never whole in memory.
  fastify.addContentTypeParser('application/octet-stream', (_request: unknown, payload: unknown, done: Done) => {
    done(null, payload);
  });
  await installFrontDoor(app, options.rateLimits);
  app.get(Metrics).install(app);
  await app.init();
  return app;
}

type Done = (error: Error | null, body?: unknown) => void;
