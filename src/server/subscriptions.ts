import { GraphQLError, specifiedRules, validate, type DocumentNode, type GraphQLSchema } from 'graphql';
import type { RequestContext } from '../identity/index.js';
import { publicGraphqlError, type FormatterContext } from '../platform/graphql/index.js';
import { WeighbridgeError } from '../kernel/index.js';

const WINDOW_MS = 60_000;
const MAX_STARTS_PER_WINDOW = 120;

/** What one WebSocket connection carries from its opening to its end. */
export interface ConnectionContext extends RequestContext {
  /** Counts the subscriptions that it starts: after the upgrade, no rate limit of HTTP sees its messages. */
  starts: StartBudget;
}

export class StartBudget {
  private windowStartMs = 0;
  private used = 0;

  /** @throws WeighbridgeError RATE_LIMITED for one subscription too many within a minute */
  take(nowMs: number): void {
    if (nowMs - this.windowStartMs >= WINDOW_MS) [this.windowStartMs, this.used] = [nowMs, 0];
    this.used += 1;
    if (this.used <= MAX_STARTS_PER_WINDOW) return;
    throw new WeighbridgeError('RATE_LIMITED', 'too many subscriptions on this connection', {
      next: 'Wait a minute, then ask less often.',
      retryable: true,
    });
  }
}

/**
 * Stands before every subscription. Mercurius validates queries and mutations, but hands subscriptions to the executor as
 * they come: what it leaves out is done here.
 */
export function beforeSubscription(
  schema: GraphQLSchema,
  document: DocumentNode,
  context: FormatterContext & Partial<ConnectionContext>,
): void {
  try {
    context.starts?.take(performance.now());
    const [error] = validate(schema, document, specifiedRules, { maxErrors: 1 });
    if (error !== undefined)
      throw new WeighbridgeError('BAD_INPUT', error.message, { next: 'Compare it with the schema.' });
  } catch (error) {
    throw error instanceof GraphQLError ? error : publicGraphqlError(error, context, { error: () => undefined });
  }
}
