import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { GqlContextType } from '@nestjs/graphql';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PinoLogger } from 'nestjs-pino';
import { WeighbridgeError } from '../kernel/index.js';
import { isUnexpected, libraryFault, toPublicError } from '../platform/index.js';
import { publicGraphqlError, type FormatterContext } from '../platform/graphql/index.js';
import { httpStatusOf } from './http-status.js';

/**
 * Errors of whatever a request meets, in the words that GraphQL's formatter uses too. As a filter it hears of handlers,
 * guards and resolvers; Fastify calls `answer` for what fails before those: hooks and body parsers.
 */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(private readonly logger: PinoLogger) {}

  catch(error: unknown, host: ArgumentsHost): unknown {
    if (host.getType<GqlContextType>() === 'graphql') {
      return publicGraphqlError(error, host.getArgByIndex<FormatterContext>(2), this.logger);
    }
    const http = host.switchToHttp();
    return this.answer(error, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  answer(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
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
  return (
    libraryFault(error.cause) ?? new WeighbridgeError('BAD_INPUT', error.message, { next: 'Check method and path.' })
  );
}
