/**
 * Injection tokens of what a composition root binds: configuration, and the ports whose adapters live outside `src`. The
 * types are `ApiEnv`, `Network`, `LogClient` and `MarketplaceChain`, and `Signer` for the recorder.
 */
export const API_ENV = Symbol('ApiEnv');
export const NETWORK = Symbol('Network');
export const LOG_CLIENT = Symbol('LogClient');
export const MARKETPLACE_CHAIN = Symbol('MarketplaceChain');
export const RECORDER = Symbol('Recorder');
