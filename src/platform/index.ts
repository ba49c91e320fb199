export * from './blobs/index.js';
export * from './database.js';
export * from './env.js';
export * from './outbox/index.js';
export * from './queue/index.js';
export * from './tokens.js';
