import { readFileSync } from 'node:fs';
import { isAddressEqual } from 'viem';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { createChainReader } from '../web3/chain/chain-reader.js';
import { createApi } from './create-api.js';
import { WeighbridgeError, type Hex } from './kernel/index.js';
import { loadApiEnv, runProgram, type ApiEnv } from './platform/index.js';
import { createHttpLogClient } from './provenance/index.js';

/**
 * The API process. Environment: see `platform/env.ts`. Ready when `/readyz` answers 200. SIGTERM ends it gracefully;
 * SIGKILL loses nothing that it acknowledged.
 */
async function main(): Promise<void> {
  const env = loadApiEnv();
  const network = env.WEIGHBRIDGE_NETWORK;
  const app = await createApi(env, {
    log: createHttpLogClient({ url: network.log.url, token: secret('LOG_ADD_TOKEN_FILE', env) }),
    chain: createChainReader({ network }),
    recorder: recorderOf(env),
  });
  await app.listen(env.PORT, env.HOST);
}

/** A recorder that the network file does not name would sign licences that nobody accepts. */
function recorderOf(env: ApiEnv): PrivateKeyAccount {
  const { recorder } = env.WEIGHBRIDGE_NETWORK;
  const key = secret('RECORDER_KEY_FILE', env);
  const account = /^0x[0-9a-fA-F]{64}$/.test(key) ? privateKeyToAccount(key as Hex) : undefined;
  if (account !== undefined && isAddressEqual(account.address, recorder)) return account;
  throw new WeighbridgeError('CONFIG_INVALID', `RECORDER_KEY_FILE does not hold the key of ${recorder}`, {
    next: 'Name the key file of the address that the network file gives as recorder.',
  });
}

function secret(variable: 'LOG_ADD_TOKEN_FILE' | 'RECORDER_KEY_FILE', env: ApiEnv): string {
  try {
    return readFileSync(env[variable], 'utf8').trim();
  } catch (cause) {
    throw new WeighbridgeError('CONFIG_INVALID', `${variable}: ${env[variable]} cannot be read`, {
      next: `Set ${variable} to a file that this process may read.`,
      cause,
    });
  }
}

await runProgram(main);
