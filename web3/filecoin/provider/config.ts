import { readFileSync } from 'node:fs';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { z } from 'zod';
import { networkSchema, WeighbridgeError, type Network } from '../../../src/kernel/index.js';

export interface ProviderConfig {
  /** Interface that it listens on: this host only, unless a proxy in front of it needs more. */
  host: string;
  port: number;
  /** Holds everything that the provider knows. */
  dir: string;
  account: PrivateKeyAccount;
  network: Network;
  /** Where clients reach this provider; it goes on chain. */
  serviceUrl: string;
  /** Bytes of pieces that it takes in all; unset: what the disk has. */
  capacityBytes: number;
  /** How often the provider looks whether a proof is due: a few times an epoch is enough. */
  proveEveryMs: number;
}

const path = z.string().min(1, 'a path');

const schema = z
  .object({
    PROVIDER_HOST: z.string().min(1).default('127.0.0.1'),
    PROVIDER_PORT: z.coerce.number().int().min(1).max(65_535),
    PROVIDER_DIR: path,
    PROVIDER_KEY_FILE: path.transform(readKey),
    WEIGHBRIDGE_NETWORK: path.transform(readNetwork),
    PROVIDER_URL: z.url({ protocol: /^https?$/ }).optional(),
    PROVIDER_CAPACITY_BYTES: z.coerce.number().int().positive().optional(),
    PROVIDER_PROVE_EVERY_MS: z.coerce.number().int().min(100).max(60_000).default(1_000),
  })
  .transform((env) => ({
    host: env.PROVIDER_HOST,
    port: env.PROVIDER_PORT,
    dir: env.PROVIDER_DIR,
    account: env.PROVIDER_KEY_FILE,
    network: env.WEIGHBRIDGE_NETWORK,
    // Clients resolve routes against it, so it ends with a slash.
    serviceUrl: new URL('./', env.PROVIDER_URL ?? `http://127.0.0.1:${env.PROVIDER_PORT}/`).href,
    capacityBytes: env.PROVIDER_CAPACITY_BYTES ?? Number.MAX_SAFE_INTEGER,
    proveEveryMs: env.PROVIDER_PROVE_EVERY_MS,
  }));

/** @throws WeighbridgeError CONFIG_INVALID naming every bad variable, and no value of one */
export function loadProviderConfig(env: NodeJS.ProcessEnv = process.env): ProviderConfig {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  const variables = [...new Set(result.error.issues.map((issue) => String(issue.path[0])))];
  const reasons = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new WeighbridgeError('CONFIG_INVALID', `environment: ${reasons.join('; ')}`, {
    next: `Set ${variables.join(', ')} and start again.`,
    details: { variables },
  });
}

/** The key itself never reaches a message. */
function readKey(file: string, context: z.RefinementCtx): PrivateKeyAccount {
  try {
    return privateKeyToAccount(readFileSync(file, 'utf8').trim() as `0x${string}`);
  } catch {
    context.addIssue('not a readable file with a secp256k1 key as 0x and 64 hex digits');
    return z.NEVER;
  }
}

function readNetwork(file: string, context: z.RefinementCtx): Network {
  try {
    return networkSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    context.addIssue('not a readable network file');
    return z.NEVER;
  }
}
