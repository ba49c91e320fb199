import { randomUUID } from 'node:crypto';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger } from 'nestjs-pino';
import { MAX_BODY_BYTES } from './graphql.js';
import { ErrorFilter } from './http-errors.js';
import { Metrics } from './metrics.js';
import { installFrontDoor, type RateLimits } from './rate-limits.js';

export interface ServerOptions {
  rateLimits: RateLimits;
  /** Set behind a proxy: the client's address is then what the proxy says. */
  trustProxy: boolean;
}

/** A model of the largest size over a slow line. */
const UPLOAD_TIMEOUT_MS = 10 * 60 * 1000;

/**
 * Nest sets its error handler after its routes have taken theirs, too late for what fails in hooks and body parsers: ours
 * is set before any route, and stays.
 */
class ApiAdapter extends FastifyAdapter {
  override setErrorHandler(): ReturnType<FastifyAdapter['setErrorHandler']> {
    return this.instance;
  }
}

/** The application, ready to listen; `close` ends it gracefully: requests in hand first, the database last. */
export async function createServer(module: DynamicModule, options: ServerOptions): Promise<NestFastifyApplication> {
  const adapter = new ApiAdapter({
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
  const errors = app.get(ErrorFilter);
  fastify.setErrorHandler((error, request, reply) => errors.answer(error, request, reply));
  await installFrontDoor(app, options.rateLimits);
  app.get(Metrics).install(app);
  await app.init();
  return app;
}

type Done = (error: Error | null, body?: unknown) => void;
