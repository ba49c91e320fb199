import type { DocumentNode, GraphQLSchema } from 'graphql';
import { getComplexity, type ComplexityEstimator } from 'graphql-query-complexity';
import { WeighbridgeError } from '../../kernel/index.js';

/** jobs > edges > node > dataset > columns is 5; introspection by the usual tools needs 15. */
export const MAX_DEPTH = 15;
/** A page of 100 jobs with everything that a job has, its dataset included, costs about 8,000. */
export const MAX_COST = 15_000;
const UNPAGED_LIST = 20;

/** A field costs one, and what it holds once for each row that a page may have. */
const estimate: ComplexityEstimator = ({ args, field, type, childComplexity }) => {
  // The schema is in memory, and graphql-js bounds how far introspection may go round in it.
  if (type.name.startsWith('__') || field.name.startsWith('__')) return 0;
  if (typeof args.first === 'number') return 1 + childComplexity * Math.max(1, args.first);
  const isList = String(field.type).startsWith('[') && !CONNECTION_LISTS.has(field.name);
  return 1 + childComplexity * (isList ? UNPAGED_LIST : 1);
};
/** The page size was counted where `first` stands; these lists below it are that same page. */
const CONNECTION_LISTS = new Set(['edges', 'nodes']);

/** @throws WeighbridgeError TOO_LARGE for a query that may ask more of the database than a page is worth */
export function assertCost(schema: GraphQLSchema, document: DocumentNode, variables: unknown): void {
  const cost = getComplexity({
    schema,
    query: document,
    variables: (variables ?? {}) as Record<string, unknown>,
    estimators: [estimate],
  });
  if (cost <= MAX_COST) return;
  throw new WeighbridgeError('TOO_LARGE', `the query costs ${cost}, at most ${MAX_COST} is allowed`, {
    next: 'Ask for fewer rows at a time, or for fewer fields.',
    details: { cost, maxCost: MAX_COST },
  });
}
