import type { GraphQLSchema } from 'graphql';

/** Nest has no place for what the three root types say. */
export function describeRoots(schema: GraphQLSchema): GraphQLSchema {
  const [query, mutation, subscription] = [
    schema.getQueryType(),
    schema.getMutationType(),
    schema.getSubscriptionType(),
  ];
  if (query) query.description = 'What can be read. Errors carry extensions { code, next, details }.';
  if (mutation)
    mutation.description = 'What can be done. Each may be repeated: the same input has the same outcome once.';
  if (subscription) {
    subscription.description =
      'What can be followed, over graphql-transport-ws at the same path. The token goes into the payload of ' +
      'connection_init: {"authorization": "Bearer <token>"}.';
  }
  return schema;
}
