import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { GqlContextType } from '@nestjs/graphql';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PinoLogger } from 'nestjs-pino';
import { WeighbridgeError } from '../kernel/index.js';
import { isUnexpected, libraryFault, toPublicError } from '../platform/index.js';
import { httpStatusOf } from './http-status.js';

/** Errors of plain HTTP routes as JSON. GraphQL's go through its own formatter, which answers in the same words. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: PinoLogger) {}

  catch(error: unknown, host: ArgumentsHost): unknown {
    if (host.getType<GqlContextType>() === 'graphql') return error;
    const http = host.switchToHttp();
    const [request, reply] = [http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>()];
    const known = libraryFault(error) ?? notFound(error) ?? error;
    if (isUnexpected(known)) this.logger.error({ err: error, requestId: request.id }, 'unexpected error');
    const body = toPublicError(known, request.id);
    const status = error instanceof HttpException ? error.getStatus() : httpStatusOf(body.code);
    return reply.status(status).header('content-type', 'application/json').send(JSON.stringify(body));
  }
}

/** Nest's own refusal of a path that nobody serves. */
function notFound(error: unknown): WeighbridgeError | undefined {
  if (!(error instanceof HttpException)) return undefined;
  return new WeighbridgeError('BAD_INPUT', error.message, { next: 'Check method and path.' });
}
