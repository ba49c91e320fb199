import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { GqlExecutionContext, type GqlContextType } from '@nestjs/graphql';
import type { FastifyRequest } from 'fastify';
import type { RequestContext, Viewer } from './viewer.js';

/** The request's context, whichever way the request came. */
export function requestContextOf(context: ExecutionContext): RequestContext {
  if (context.getType<GqlContextType>() === 'graphql') {
    return GqlExecutionContext.create(context).getContext<RequestContext>();
  }
  return context.switchToHttp().getRequest<FastifyRequest>();
}

/** Parameter: who is asking, or undefined. */
export const CurrentViewer = createParamDecorator<unknown, Viewer | undefined>(
  (_data: unknown, context: ExecutionContext) => requestContextOf(context).viewer,
);
