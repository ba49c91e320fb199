import type { Address } from '../kernel/index.js';

/** Who is asking: an address that signed in, in lower case. */
export interface Viewer {
  address: Address;
  /** SHA-256 of the session's token, which is how the session is known here. */
  sessionDigest: string;
}

/** What every request carries, over HTTP, GraphQL and WebSocket alike. */
export interface RequestContext {
  /** Undefined for a caller who has not signed in, or whose session has ended. */
  viewer: Viewer | undefined;
}

declare module 'fastify' {
  interface FastifyRequest {
    viewer: Viewer | undefined;
  }
}
