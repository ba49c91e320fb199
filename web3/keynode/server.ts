import rateLimit from '@fastify/rate-limit';
import Fastify, { LogController, type FastifyBaseLogger, type FastifyError, type FastifyInstance } from 'fastify';
import type { Address } from '../../src/kernel/index.js';
import type { SignedShare } from './encryption-sign.js';
import { NodeError } from './node-error.js';

export interface ServerDeps {
  log: FastifyBaseLogger;
  address: Address;
  index: number;
  handshake: (body: unknown) => Promise<object>;
  encryptionSign: (body: unknown) => Promise<SignedShare>;
}

/** A request to sign is about 4 KB. */
const BODY_LIMIT_BYTES = 64 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
/** Of one IP address, before anything is parsed. Callers have a limit of their own besides. */
const REQUESTS_PER_MINUTE = 1_200;

/** Lit's node protocol over HTTP, as far as lit-node-client needs it to encrypt and decrypt. */
export async function createServer(deps: ServerDeps): Promise<FastifyInstance> {
  const app = Fastify({
    loggerInstance: deps.log,
    // Bodies hold signatures that open keys: log outcomes, never requests.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: 2 * REQUEST_TIMEOUT_MS,
    forceCloseConnections: true,
  });
  await app.register(rateLimit, {
    max: REQUESTS_PER_MINUTE,
    timeWindow: '1 minute',
    errorResponseBuilder: () => new NodeError('NodeRateLimitExceeded', 'Too many requests from this address.'),
  });
  app.setErrorHandler<FastifyError | NodeError>((error, _request, reply) => {
    const answer = toNodeError(error);
    if (answer.errorCode === 'NodeUnknownError') deps.log.error({ err: error }, 'request failed');
    return reply.code(answer.status).send(answer.toBody());
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).send(new NodeError('NodeNotFound', 'This node does not speak that.').toBody()),
  );

  const health = { status: 'ok', address: deps.address, index: deps.index };
  app.get('/healthz', { config: { rateLimit: false } }, () => health);
  app.post('/web/handshake/', ({ body }) => deps.handshake(body));
  app.post('/web/encryption/sign/', async ({ body }) => {
    const startedMs = performance.now();
    try {
      const { caller, keyId, body: share } = await deps.encryptionSign(body);
      deps.log.info({ caller, keyId, ms: performance.now() - startedMs }, 'share released');
      return share;
    } catch (error) {
      const { errorCode, message } = toNodeError(error as Error);
      deps.log.info({ errorCode, reason: message, ms: performance.now() - startedMs }, 'share denied');
      throw error;
    }
  });
  return app;
}

/** Fastify's own refusals (body too large, no JSON) keep their meaning; anything unforeseen says nothing about itself. */
function toNodeError(error: Error | FastifyError): NodeError {
  if (error instanceof NodeError) return error;
  const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500;
  if (status >= 400 && status < 500) return new NodeError('NodeBadRequest', 'The request is malformed or too large.');
  return new NodeError('NodeUnknownError', 'The node failed.', { cause: error });
}
