export * from './batch.js';
export * from './connection.js';
export * from './describe-roots.js';
export * from './error-formatter.js';
export * from './limits.js';
export * from './public-graphql-error.js';
export * from './scalars.js';
