import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { networkSchema, WeighbridgeError, type Network } from '../../kernel/index.js';
import { FolderStorage } from './export/folder-storage.js';
import { S3Storage } from './export/s3-storage.js';
import type { TileStorage } from './export/storage.js';
import { noteSigner } from './signers.js';
import type { NoteSigner } from './ports.js';

const path = z.string().min(1, 'the path of a file');
const envSchema = z.object({
  LOG_HOST: z.string().min(1).default('127.0.0.1'),
  LOG_PORT: z.coerce.number().int().min(0).max(65_535),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'a postgresql:// URL' }),
  /** C2SP origin line; LogAnchor was deployed with its hash. */
  LOG_ORIGIN: z.string().min(1),
  /** Ed25519, PKCS8 PEM: signs notes. */
  LOG_KEY_FILE: path,
  /** Bearer token of those who may append. */
  LOG_ADD_TOKEN_FILE: path,
  /** network.json: the chain, LogAnchor, and what the world was told about this log. */
  WEIGHBRIDGE_NETWORK: path,
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  /** How often witnesses are asked when there is something new; whoever needs an entry sooner does not wait for it. */
  LOG_CHECKPOINT_MS: z.coerce.number().int().min(10).max(60_000).default(1_000),
  /** Folder of the log's files: full tiles, and the newest checkpoint with its partial tiles. */
  LOG_TILES_DIR: path.default('log-tiles'),
  /** Or a bucket of an S3-compatible store, by its path-style URL, with the file of `<access key id>:<secret>`. */
  LOG_TILES_BUCKET: z.url({ protocol: /^https?$/, error: 'the https:// URL of a bucket' }).optional(),
  LOG_TILES_REGION: z.string().min(1).default('us-east-1'),
  LOG_TILES_KEY_FILE: path.optional(),
  LOG_WINDOW_MS: z.coerce.number().min(0).max(1000).default(5),
  LOG_MAX_BATCH: z.coerce.number().int().min(1).max(10_000).default(2048),
  LOG_MAX_QUEUE: z.coerce.number().int().min(1).max(1_000_000).default(16_384),
});

export interface LogConfig {
  env: z.infer<typeof envSchema>;
  network: Network;
  signer: NoteSigner & { readonly vkey: string };
  addToken: string;
  storage: TileStorage;
}

/** Everything the process needs, read once. @throws WeighbridgeError CONFIG_INVALID naming the variable; never a value */
export function loadLogConfig(source: NodeJS.ProcessEnv): LogConfig {
  const result = envSchema.safeParse(source);
  if (!result.success) {
    const bad = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; ');
    throw invalid(`environment: ${bad}`, 'Set these variables and start again.');
  }
  const env = result.data;
  const addToken = contents('LOG_ADD_TOKEN_FILE', env.LOG_ADD_TOKEN_FILE);
  if (addToken.length < 16) throw invalid('LOG_ADD_TOKEN_FILE holds no token of 16 characters or more', 'Make one.');
  const config = {
    env,
    network: readNetwork(env.WEIGHBRIDGE_NETWORK),
    signer: noteSigner(env.LOG_ORIGIN, contents('LOG_KEY_FILE', env.LOG_KEY_FILE)),
    addToken,
    storage: tileStorage(env),
  };
  assertAsPublished(config);
  return config;
}

function tileStorage(env: LogConfig['env']): TileStorage {
  const { LOG_TILES_BUCKET: bucketUrl, LOG_TILES_REGION: region, LOG_TILES_KEY_FILE: keyFile } = env;
  if (bucketUrl === undefined) return new FolderStorage(env.LOG_TILES_DIR);
  const [accessKeyId = '', secretAccessKey = ''] = contents('LOG_TILES_KEY_FILE', keyFile ?? '').split(':', 2);
  if (accessKeyId === '' || secretAccessKey === '') {
    throw invalid('LOG_TILES_KEY_FILE does not hold "<access key id>:<secret>"', 'Write the bucket’s key there.');
  }
  return new S3Storage({ bucketUrl, region, accessKeyId, secretAccessKey });
}

/** What the world was told about this log must be so, or nobody would accept a checkpoint of it. */
function assertAsPublished({ env, network, signer }: Omit<LogConfig, 'addToken' | 'storage'>): void {
  const published: [string, string, string | undefined][] = [
    ['LOG_ORIGIN', env.LOG_ORIGIN, network.log.origin],
    ['LOG_KEY_FILE', signer.vkey, network.log.vkeys.at(-1)?.vkey],
  ];
  for (const [variable, ours, theirs] of published) {
    if (ours === theirs) continue;
    throw invalid(
      `${variable} is not what the network file says of this log`,
      'Use this log’s own keys and network file.',
    );
  }
}

function readNetwork(file: string): Network {
  const result = networkSchema.safeParse(json(contents('WEIGHBRIDGE_NETWORK', file)));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw invalid(
    `WEIGHBRIDGE_NETWORK: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`,
    'Publish the file again.',
  );
}

function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function contents(variable: string, file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw invalid(`${variable}: the file cannot be read`, 'Check that it exists and is readable.', cause);
  }
}

function invalid(message: string, next: string, cause?: unknown): WeighbridgeError {
  return new WeighbridgeError('CONFIG_INVALID', message, { next, cause });
}
