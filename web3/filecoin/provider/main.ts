import { isWeighbridgeError } from '../../../src/kernel/index.js';
import { isNative, SLOW_HASH } from '../sha256-pairs.js';
import { loadProviderConfig } from './config.js';
import { ensureRegistered } from './registration.js';
import { createProvider } from './server.js';

/** The storage provider as a process: registers itself on chain, then serves. SIGTERM ends it in order. */
async function main(): Promise<void> {
  const config = loadProviderConfig();
  const log = (message: string): void => console.log(`${new Date().toISOString()} ${message}`);
  if (!isNative) log(SLOW_HASH);
  const provider = createProvider(config, log);
  await ensureRegistered(provider.chain, config);
  await provider.resume();
  await provider.app.listen({ port: config.port, host: config.host });
  log(`provider ${config.account.address} serves ${config.serviceUrl}`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void provider.close().then(() => process.exit(0)));
  }
}

main().catch((error: unknown) => {
  console.error(isWeighbridgeError(error) ? `${error.code}: ${error.message} ${error.next}` : error);
  process.exit(1);
});
