import { createHash } from 'node:crypto';
import rateLimit from '@fastify/rate-limit';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyError, type FastifyInstance } from 'fastify';
import { formatNote, parseNote } from '../../src/provenance/witness/index.js';
import { addCheckpoint, type AddCheckpointDeps, type Evidence } from './add-checkpoint.js';
import { Refusal, refusal } from './refusal.js';

export interface ServerDeps extends Omit<AddCheckpointDeps, 'onSuspicion'> {
  log: FastifyBaseLogger;
}

/** 63 lines of proof and a checkpoint whose signatures may be post-quantum ones of 5 kB. */
const BODY_LIMIT_BYTES = 128 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
/** Of one IP address. A log that publishes on demand asks a few times a second. */
const REQUESTS_PER_MINUTE = 6_000;

/** A C2SP witness over HTTP. */
export async function createServer(deps: ServerDeps): Promise<FastifyInstance> {
  const { log, logs, store, signer, nowMs } = deps;
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
  });
  // Whatever a client calls its body, it is text of C2SP's form or nothing.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  await app.register(rateLimit, {
    max: REQUESTS_PER_MINUTE,
    timeWindow: '1 minute',
    errorResponseBuilder: () => refusal(429, 'too many requests from this address'),
  });
  app.setErrorHandler<FastifyError | Refusal>(async (error, _request, reply) => {
    const answer = toRefusal(error);
    if (answer.status >= 500) log.error({ err: error }, 'request failed');
    return reply.code(answer.status).type(answer.type).send(answer.body);
  });

  const onSuspicion = (evidence: Evidence): void => log.error(evidence, 'refused: keep both notes, they may be proof');
  app.post('/add-checkpoint', async ({ body }, reply) => {
    const bytes = body instanceof Uint8Array ? body : new Uint8Array();
    const lines = await addCheckpoint({ logs, store, signer, nowMs, onSuspicion }, bytes);
    return reply.type('text/plain; charset=utf-8').send(lines);
  });
  app.get<{ Params: { hash: string } }>('/checkpoint/:hash', async ({ params }, reply) => {
    const origin = [...logs.keys()].find((known) => sha256Hex(known) === params.hash);
    const latest = origin === undefined ? undefined : store.latest(origin);
    if (latest === undefined) throw refusal(404, 'no checkpoint of a log whose origin has that SHA-256');
    const { text, signatures } = parseNote(latest.note);
    const note = formatNote({ text, signatures: [...signatures, signer.cosign(text, latest.timeS)] });
    return reply.header('cache-control', 'no-cache').type('text/plain; charset=utf-8').send(note);
  });
  const { name, vkey, address } = signer;
  app.get('/healthz', { config: { rateLimit: false } }, () => ({ status: 'ok', name, vkey, address, logs: logs.size }));
  return app;
}

function sha256Hex(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Fastify's own refusals keep their status; anything unforeseen says nothing about itself. */
function toRefusal(error: FastifyError | Refusal): Refusal {
  if (error instanceof Refusal) return error;
  const status = error.statusCode ?? 500;
  return status >= 400 && status < 500
    ? refusal(status, 'the request is malformed or too large')
    : refusal(500, 'failed');
}
