import { readFileSync } from 'node:fs';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { z } from 'zod';
import { networkSchema, WeighbridgeError, type Network } from '../../src/kernel/index.js';

export interface KeyNodeEnv {
  host: string;
  port: number;
  shareFile: string;
  passphrase: string;
  /** Signs kick votes and requests to join; holds a little of the chain's coin for them. */
  account: PrivateKeyAccount;
  network: Network;
  pingMs: number;
  logLevel: string;
}

const port = z.coerce.number().int().min(1).max(65_535);
const milliseconds = z.coerce.number().int().min(100).max(60_000);
const logLevel = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']);
const privateKey = z.string().regex(/^0x[0-9a-fA-F]{64}$/);
const passphrase = z.string().min(16, 'a passphrase of at least 16 characters');

/** Reads and checks everything once. @throws WeighbridgeError CONFIG_INVALID, naming the variable at fault */
export function readEnv(env: NodeJS.ProcessEnv): KeyNodeEnv {
  const read = <T>(name: string, schema: z.ZodType<T>, fallback?: string): T =>
    checked(name, () => schema.parse(env[name] ?? fallback));
  const readFrom = <T>(name: string, parse: (text: string) => T): T =>
    checked(name, () => parse(readFileSync(z.string().min(1).parse(env[name]), 'utf8').trim()));
  return {
    host: read('KEYNODE_HOST', z.string().min(1), '127.0.0.1'),
    port: read('KEYNODE_PORT', port),
    shareFile: read('KEYNODE_SHARE_FILE', z.string().min(1)),
    passphrase: readFrom('KEYNODE_PASSPHRASE_FILE', (text) => passphrase.parse(text)),
    account: readFrom('KEYNODE_KEY_FILE', (text) => privateKeyToAccount(privateKey.parse(text) as `0x${string}`)),
    network: readFrom('WEIGHBRIDGE_NETWORK', (text) => networkSchema.parse(JSON.parse(text))),
    pingMs: read('KEYNODE_PING_MS', milliseconds, '1000'),
    logLevel: read('LOG_LEVEL', logLevel, 'info'),
  };
}

/** The value itself stays out of the message: it may be a secret. */
function checked<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw invalid(name, reasonOf(cause));
  }
}

export function invalid(name: string, reason: string): WeighbridgeError {
  return new WeighbridgeError('CONFIG_INVALID', `${name} is not usable: ${reason}`, {
    next: `Set ${name} as web3/keynode/README.md says, and start the node again.`,
    details: { variable: name },
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    return error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': ')).join('; ');
  }
  // File system errors carry a path and no content; anything else may quote what it read.
  return error instanceof Error && 'code' in error && error.code !== undefined ? error.message : 'it cannot be parsed';
}
