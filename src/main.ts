import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { privateKeyToAccount } from 'viem/accounts';
import { createChainReader } from '../web3/chain/chain-reader.js';
import { createApi } from './create-api.js';
import { isWeighbridgeError, type Hex } from './kernel/index.js';
import { loadApiEnv } from './platform/index.js';
import { createHttpLogClient } from './provenance/index.js';

/** The API process: binds the ports that `createApi` asks for to the log, the chain and the recorder's key. */
async function main(): Promise<void> {
  const env = loadApiEnv();
  const network = env.WEIGHBRIDGE_NETWORK;
  const api = await createApi(env, {
    log: createHttpLogClient({ url: network.log.url, token: contents(env.LOG_ADD_TOKEN_FILE) }),
    chain: createChainReader({ network }),
    recorder: privateKeyToAccount(contents(env.RECORDER_KEY_FILE) as Hex),
  });
  await api.listen({ host: env.HOST, port: env.PORT });
}

function contents(file: string): string {
  return readFileSync(file, 'utf8').trim();
}

main().catch((error: unknown) => {
  const lines = isWeighbridgeError(error) ? [`${error.code}: ${error.message}`, error.next] : [String(error)];
  process.stderr.write(`${lines.join('\n')}\n`);
  process.exit(1);
});
