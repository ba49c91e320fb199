import { buildSchema, parse } from 'graphql';
import { describe, expect, it } from 'vitest';
import { beforeSubscription, StartBudget } from './subscriptions.js';

const schema = buildSchema('type Query { a: Int } type Subscription { ticks(n: Int!): Int }');
const refused = (code: string): unknown =>
  expect.objectContaining({ extensions: expect.objectContaining({ code }) as unknown });

describe('before a subscription', () => {
  it.each([
    'subscription { ticks }',
    'subscription { tocks(n: 1) }',
    'subscription { ticks(n: "x") }',
    'subscription { a: ticks(n: 1) b: ticks(n: 2) }',
    'subscription { ...F } fragment F on Subscription { ...F }',
  ])('refuses what the schema does not have: %s', (query) => {
    expect(() => beforeSubscription(schema, parse(query), {})).toThrow(refused('BAD_INPUT'));
  });

  it('lets a connection start so many in a minute', () => {
    const starts = new StartBudget();
    const start = (): void => beforeSubscription(schema, parse('subscription { ticks(n: 1) }'), { starts });
    for (let i = 0; i < 120; i++) start();
    expect(start).toThrow(refused('RATE_LIMITED'));
  });

  it('starts to count anew after a minute', () => {
    const starts = new StartBudget();
    for (let i = 0; i < 120; i++) starts.take(1_000_000);
    expect(() => starts.take(1_059_999)).toThrow();
    expect(() => starts.take(1_060_000)).not.toThrow();
  });
});
