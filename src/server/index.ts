export { graphqlModule } from './graphql.js';
export { createServer, type ServerOptions } from './create-server.js';
export { loggingOptions } from './logging.js';
export { ServerModule } from './server.module.js';
