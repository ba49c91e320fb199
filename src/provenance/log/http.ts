import { createHash, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance, type FastifyReply } from 'fastify';
import { isWeighbridgeError, release, WeighbridgeError, type ErrorCode } from '../../kernel/index.js';
import type { AnchorableCheckpoint } from '../ports.js';
import { MAX_ENTRY_BYTES, parseEntry } from '../record.js';
import { parseTilePath } from '../tiles/tile-path.js';
import type { LogService } from './log-service.js';
import type { LogMetrics } from './metrics.js';

export interface LogHttpOptions {
  service: LogService;
  metrics: LogMetrics;
  /** Bearer token of those who may append. */
  addToken: string;
  logger: FastifyBaseLogger;
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  BAD_INPUT: 400,
  BAD_SIGNATURE: 400,
  UNAUTHENTICATED: 401,
  TOO_LARGE: 413,
  LOG_UNAVAILABLE: 503,
};
/** In a thread of the pool: the event loop sequences. */
const compress = promisify(gzipCallback);
/**
 * Connections that may wait to be taken. Node's 511 are too few when thousands of appenders come at once: the kernel drops the
 * rest, and each tries again after 1, 3, 7, ... seconds. More than `net.core.somaxconn` are as many as that.
 */
export const LISTEN_BACKLOG = 4096;
const IMMUTABLE = 'public, max-age=31536000, immutable';

/** The log over HTTP: C2SP's read paths as they are specified, and what the marketplace's own processes need beside. */
export function logHttp(options: LogHttpOptions): FastifyInstance {
  const app = logApp(options.logger);
  writeRoutes(app, options);
  readRoutes(app, options.service);
  operatorRoutes(app, options);
  return app;
}

/** An HTTP server without routes that takes bodies as bytes and answers errors with the log's status codes. */
export function logApp(logger: FastifyBaseLogger): FastifyInstance {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: MAX_ENTRY_BYTES,
    requestTimeout: 30_000,
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.setErrorHandler(async (error, _request, reply) => sendError(reply, error, logger));
  return app;
}

function writeRoutes(app: FastifyInstance, { service, metrics, addToken }: LogHttpOptions): void {
  app.post('/add', async (request) => {
    try {
      authorise(request.headers.authorization, addToken);
      const entry = request.body instanceof Uint8Array ? request.body : new Uint8Array();
      // Form only: the log vouches for what was said when, not for whether it is true.
      parseEntry(entry);
      return await service.append(entry);
    } catch (error) {
      metrics.refused();
      throw error;
    }
  });
}

/** `checkpoint` and `tile/...` as C2SP tlog-tiles has them, and the checkpoint with what LogAnchor asks for. */
export function readRoutes(app: FastifyInstance, service: Pick<LogService, 'published' | 'fresh' | 'tile'>): void {
  app.get('/checkpoint', async (_request, reply) => {
    const { note } = service.published();
    return reply.header('cache-control', 'no-cache').type('text/plain; charset=utf-8').send(note);
  });
  app.get('/checkpoint.json', async (_request, reply): Promise<AnchorableCheckpoint> => {
    reply.header('cache-control', 'no-cache');
    return service.fresh();
  });
  app.get<{ Params: { '*': string } }>('/tile/*', async (request, reply) => {
    const bytes = await tileOrNothing(service, `tile/${request.params['*']}`);
    // No cache headers on a 404: the tile may exist in a moment.
    if (bytes === undefined) return reply.status(404).send({ error: 'no such tile' });
    reply.header('cache-control', IMMUTABLE).header('vary', 'accept-encoding').type('application/octet-stream');
    // Hashes do not compress; entries do, to a third.
    const gzip = request.params['*'].startsWith('entries/') && acceptsGzip(request.headers['accept-encoding']);
    if (gzip) return reply.header('content-encoding', 'gzip').send(await compress(bytes));
    // Left to the garbage collector, each 64 MiB that were sent would have it mark the whole heap, for longer than sending takes.
    reply.raw.once('finish', () => release(bytes));
    return reply.send(bytes);
  });
}

/** RFC 9110, section 12.5.3, as far as it matters for one encoding: named, and not with a weight of zero. */
function acceptsGzip(header: string | string[] | undefined): boolean {
  return [header ?? ''].flat().some((value) => /(^|[\s,])(gzip|\*)\s*(,|$|;\s*q=(1|0\.0*[1-9]))/.test(value));
}

/** Undefined for a path that is none, and for a tile that the log does not reach yet. */
async function tileOrNothing(service: Pick<LogService, 'tile'>, path: string): Promise<Uint8Array | undefined> {
  try {
    return await service.tile(parseTilePath(path));
  } catch (error) {
    if (isWeighbridgeError(error) && error.code === 'BAD_INPUT') return undefined;
    throw error;
  }
}

function operatorRoutes(app: FastifyInstance, { service, metrics }: LogHttpOptions): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    if (service.active) return { status: 'ready', size: service.committed().edge.size };
    return reply.status(503).send({ status: 'standby' });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}

/** Compares digests, so that neither length nor prefix of the token shows in the time it takes. */
function authorise(header: string | undefined, addToken: string): void {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  if (timingSafeEqual(digest(header ?? ''), digest(`Bearer ${addToken}`))) return;
  throw new WeighbridgeError('UNAUTHENTICATED', 'appending needs the log’s token', {
    next: 'Send "Authorization: Bearer <token>" with the token of LOG_ADD_TOKEN_FILE.',
  });
}

async function sendError(reply: FastifyReply, error: unknown, logger: FastifyBaseLogger): Promise<FastifyReply> {
  const known = isWeighbridgeError(error) ? error : tooLarge(error);
  if (known === undefined) logger.error({ err: error }, 'request failed');
  const status = STATUS[known?.code ?? 'INTERNAL'] ?? 500;
  if (status === 503) reply.header('retry-after', '1');
  const { code, message, next } = known ?? { code: 'INTERNAL', message: 'internal error', next: 'Try again later.' };
  return reply.status(status).send({ error: { code, message, next } });
}

function tooLarge(error: unknown): WeighbridgeError | undefined {
  if (!(error instanceof Error) || !('statusCode' in error) || error.statusCode !== 413) return undefined;
  return new WeighbridgeError('TOO_LARGE', `an entry has at most ${MAX_ENTRY_BYTES} bytes`, {
    next: 'Send a smaller one.',
  });
}
