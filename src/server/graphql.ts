import { MercuriusDriver, type MercuriusDriverConfig } from '@nestjs/mercurius';
import { GraphQLModule } from '@nestjs/graphql';
import type { DynamicModule } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { DocumentNode, GraphQLSchema } from 'graphql';
import { IdentityModule, Sessions, type RequestContext } from '../identity/index.js';
import { assertCost, describeRoots, errorFormatter, MAX_DEPTH } from '../platform/graphql/index.js';
import { httpStatusOf } from './http-status.js';
import { beforeSubscription, StartBudget, type ConnectionContext } from './subscriptions.js';

/** Manifests with thousands of columns fit; models do not and go as blobs. */
export const MAX_BODY_BYTES = 2 * 1024 * 1024;
/** Longer than the slowest mutation should take: a listing waits for the log and the chain. */
export const REQUEST_TIMEOUT_MS = 30_000;
const MAX_QUERY_TOKENS = 4_000;
const KEEP_ALIVE_MS = 15_000;

/** GraphQL over HTTP and, for subscriptions alone, graphql-transport-ws; both at /graphql. */
export function graphqlModule(): DynamicModule {
  return GraphQLModule.forRootAsync<MercuriusDriverConfig>({
    driver: MercuriusDriver,
    imports: [IdentityModule],
    inject: [Sessions],
    useFactory: (sessions: Sessions) => ({
      autoSchemaFile: true,
      sortSchema: true,
      transformSchema: describeRoots,
      graphiql: false,
      queryDepth: MAX_DEPTH,
      graphql: { parseOptions: { maxTokens: MAX_QUERY_TOKENS }, validateOptions: { maxErrors: 10 } },
      additionalRouteOptions: { bodyLimit: MAX_BODY_BYTES, handlerTimeout: REQUEST_TIMEOUT_MS },
      errorFormatter: errorFormatter(httpStatusOf),
      context: ({ viewer }: FastifyRequest): RequestContext => ({ viewer }),
      hooks: {
        preExecution: (schema: GraphQLSchema, document: DocumentNode, _context: unknown, variables: unknown) => {
          assertCost(schema, document, variables);
        },
        preSubscriptionExecution: beforeSubscription,
      },
      subscription: {
        keepAlive: KEEP_ALIVE_MS,
        wsDefaultSubprotocol: 'graphql-transport-ws',
        onConnect: async ({ payload }: { payload: unknown }): Promise<ConnectionContext> => {
          const { authorization } = (payload ?? {}) as { authorization?: unknown };
          return { viewer: await sessions.viewerOf(authorization), starts: new StartBudget() };
        },
      },
    }),
  });
}
