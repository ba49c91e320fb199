import type { IncomingMessage } from 'node:http';
import type { Params } from 'nestjs-pino';

/** Fields that never reach a log, wherever in an object they stand: what signs, what signs in, what opens. */
const SECRET_FIELDS = [
  'authorization',
  'cookie',
  'token',
  'signature',
  'offerSignature',
  'pseudonymSignature',
  'purpose',
  'purposeSalt',
];
const QUIET = new Set(['/healthz', '/readyz', '/metrics']);

/** pino for Nest: a line a request with method, path, status and time; no headers, no bodies, no query strings. */
export function loggingOptions(level: string): Params {
  return {
    // Its own default pattern matches nothing on Fastify.
    forRoutes: ['*path'],
    pinoHttp: {
      level,
      // Under Fastify the middleware sees every URL as "/".
      autoLogging: {
        ignore: (request: IncomingMessage & { originalUrl?: string }) => QUIET.has(request.originalUrl ?? ''),
      },
      customSuccessMessage: () => 'request',
      customErrorMessage: () => 'request failed',
      redact: {
        paths: SECRET_FIELDS.flatMap((field) => [field, `*.${field}`, `*.*.${field}`, `*.*.*.${field}`]),
        censor: '[redacted]',
      },
      serializers: {
        req: (request: { id: string; method: string; url: string; remoteAddress?: string }) => ({
          id: request.id,
          method: request.method,
          path: request.url.split('?')[0],
          remoteAddress: request.remoteAddress,
        }),
        res: (response: { statusCode: number }) => ({ statusCode: response.statusCode }),
      },
    },
  };
}
