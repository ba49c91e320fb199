import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts';
import { WeighbridgeError } from '../../src/kernel/index.js';
import { readEd25519Key, type Ed25519Key } from '../../src/provenance/witness/index.js';
import { parseLogs, type KnownLogs } from './known-logs.js';

/** Where a witness keeps what must outlive it. */
export interface WitnessFiles {
  /** Key name, a schema-less URL: `witness.example/w1`. */
  name: string;
  /** Ed25519, PKCS8 PEM: cosigns. */
  keyFile: string;
  /** secp256k1, `0x` hex: signs for LogAnchor. */
  chainKeyFile: string;
  /** SQLite file: the newest checkpoint of each log. */
  stateFile: string;
}

export interface WitnessEnv extends WitnessFiles {
  host: string;
  port: number;
  key: Ed25519Key;
  account: PrivateKeyAccount;
  logs: KnownLogs;
  logLevel: string;
}

const file = z.string().min(1, 'the path of a file');
const name = z.string().regex(/^[^\s+]{1,255}$/, 'a name without spaces and plus signs, best a URL without its scheme');
const port = z.coerce.number().int().min(0).max(65_535);
const logLevel = z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']);
const privateKey = z.string().regex(/^0x[0-9a-f]{64}$/);

/** @throws WeighbridgeError CONFIG_INVALID, naming the variable at fault */
export function readFiles(env: NodeJS.ProcessEnv): WitnessFiles {
  const read = (variable: string, schema: z.ZodType<string>): string =>
    checked(variable, () => schema.parse(env[variable]));
  return {
    name: read('WITNESS_NAME', name),
    keyFile: read('WITNESS_KEY_FILE', file),
    chainKeyFile: read('WITNESS_CHAIN_KEY_FILE', file),
    stateFile: read('WITNESS_STATE_FILE', file),
  };
}

/** Reads and checks everything once. @throws WeighbridgeError CONFIG_INVALID, naming the variable at fault */
export function readEnv(env: NodeJS.ProcessEnv): WitnessEnv {
  const files = readFiles(env);
  const text = (path: string): string => readFileSync(path, 'utf8').trim();
  const logsFile = checked('WITNESS_LOGS_FILE', () => file.parse(env.WITNESS_LOGS_FILE));
  return {
    ...files,
    host: checked('WITNESS_HOST', () =>
      z
        .string()
        .min(1)
        .parse(env.WITNESS_HOST ?? '127.0.0.1'),
    ),
    port: checked('WITNESS_PORT', () => port.parse(env.WITNESS_PORT)),
    key: checked('WITNESS_KEY_FILE', () => readEd25519Key(text(files.keyFile), 'WITNESS_KEY_FILE')),
    account: checked('WITNESS_CHAIN_KEY_FILE', () =>
      privateKeyToAccount(privateKey.parse(text(files.chainKeyFile)) as `0x${string}`),
    ),
    logs: checked('WITNESS_LOGS_FILE', () => parseLogs(text(logsFile))),
    logLevel: checked('LOG_LEVEL', () => logLevel.parse(env.LOG_LEVEL ?? 'info')),
  };
}

/** The value itself stays out of the message: it may be a secret. */
function checked<T>(variable: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw invalid(variable, reasonOf(cause));
  }
}

export function invalid(variable: string, reason: string): WeighbridgeError {
  return new WeighbridgeError('CONFIG_INVALID', `${variable} is not usable: ${reason}`, {
    next: `Set ${variable} as docs/witness.md says, and start the witness again.`,
    details: { variable },
  });
}

function reasonOf(error: unknown): string {
  if (error instanceof z.ZodError) {
    return error.issues.map((issue) => [issue.path.join('.'), issue.message].filter(Boolean).join(': ')).join('; ');
  }
  if (error instanceof WeighbridgeError) return error.message;
  // File system errors carry a path and no content; anything else may quote what it read.
  return error instanceof Error && 'code' in error && error.code !== undefined ? error.message : 'it cannot be parsed';
}
