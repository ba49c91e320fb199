import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { networkSchema, WeighbridgeError, type Network } from '../kernel/index.js';

const port = z.coerce.number().int().min(0).max(65_535);
const limit = z.coerce.number().int().min(1);
const file = z.string({ error: 'not set' }).min(1, 'empty');

const shared = {
  /** Path of network.json: the public facts of the deployment. */
  WEIGHBRIDGE_NETWORK: file.transform(readNetwork),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/, error: 'not a postgresql:// URL' }),
  /** Set: BullMQ runs on Redis or Valkey. Unset: on PostgreSQL. */
  REDIS_URL: z.url({ protocol: /^rediss?$/, error: 'not a redis:// URL' }).optional(),
  LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  /** Folder of content-addressed blobs, shared by API and workers. */
  BLOB_DIR: file,
  /** Holds the bearer token that the log asks of those who append. */
  LOG_ADD_TOKEN_FILE: file,
  /** Private key that signs the marketplace's own records. */
  RECORDER_KEY_FILE: file,
};

const apiSchema = z.object({
  ...shared,
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: port.default(4000),
  /** Requests a minute; a whole team may sit behind one address. */
  RATE_LIMIT_PER_ADDRESS: limit.default(3_000),
  RATE_LIMIT_PER_SESSION: limit.default(1_200),
  /** "true" behind a proxy that sets X-Forwarded-For: only then is that header believed. */
  TRUST_PROXY: z.enum(['true', 'false']).default('false'),
});
export type ApiEnv = z.infer<typeof apiSchema>;

const workerSchema = z.object({
  ...shared,
  /** Where the worker's health, readiness and metrics are served. */
  HOST: z.string().min(1).default('127.0.0.1'),
  WORKER_PORT: port.default(4100),
  /** Signs `access-granted` and refusals, and pays for gas. */
  OPERATOR_KEY_FILE: file,
  /** 32 bytes that job keys are derived from. */
  WORKER_SEED_FILE: file,
  /** Seed of the Ceramic controller. */
  RELAY_SEED_FILE: file,
  /** How often copies, proofs and deposits are looked at. */
  STORAGE_WATCH_EVERY_MS: z.coerce.number().int().min(1_000).default(300_000),
  /** The log is anchored once its last anchor is this old and there is something new; jobs anchor what they need at once. */
  ANCHOR_EVERY_MS: z.coerce.number().int().min(1_000).default(600_000),
  PYTHON_DIR: file,
  TRAINER_DIR: file,
  /** What one job may use, bytes of addresses; of memory too, where there is a cgroup. */
  SANDBOX_MEMORY_BYTES: z.coerce
    .number()
    .int()
    .min(2 ** 31)
    .default(2 ** 33),
  /** CPU seconds in which a box must have judged and compiled a model: a graph may take the compiler hours. */
  SANDBOX_PREPARE_SECONDS: z.coerce.number().int().min(1).max(86_400).default(240),
  /** What rows may take in the memory of a box; more of them are sealed on the disk of `BLOB_DIR`. */
  SANDBOX_ROWS_BYTES: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 31)
    .default(2 ** 31),
  /** What the sealed rows of one job may take there, 0 for nothing; default: half of what is free, shared out among the jobs that run at once. */
  SANDBOX_SPOOL_BYTES: z.coerce.number().int().min(0).optional(),
  /** Boxes that wait for jobs, started ahead; default: one for each job that runs at once. Each takes memory while it waits. */
  SANDBOX_WARM_BOXES: z.coerce.number().int().min(0).max(64).optional(),
  /** GPUs that jobs may have, one job a GPU: `none`, `all`, `auto` (all, where the set-up installed CUDA), or numbers: `0,1`. */
  WORKER_GPUS: z
    .string()
    .regex(/^(auto|none|all|\d+(,\d+)*)$/, 'neither auto, none, all nor numbers such as 0,1')
    .default('none')
    .transform((text) => (isWord(text) ? text : [...new Set(text.split(',').map(Number))])),
  /** A cgroup v2 delegated to the worker, with `memory` and `pids` enabled below it; docs/sandbox.md. */
  SANDBOX_CGROUP_DIR: file.optional(),
});
export type WorkerEnv = z.infer<typeof workerSchema>;

function isWord(text: string): text is 'auto' | 'none' | 'all' {
  return /^[a-z]/.test(text);
}

/** The API's configuration. @throws WeighbridgeError CONFIG_INVALID naming every bad variable. */
export function loadApiEnv(env: NodeJS.ProcessEnv = process.env): ApiEnv {
  return parse(apiSchema, env);
}

/** A worker's configuration. @throws WeighbridgeError CONFIG_INVALID naming every bad variable. */
export function loadWorkerEnv(env: NodeJS.ProcessEnv = process.env): WorkerEnv {
  return parse(workerSchema, env);
}

/** Values never reach the message: a mistyped variable may hold a password. */
function parse<T extends z.ZodType>(schema: T, env: NodeJS.ProcessEnv): z.infer<T> {
  const result = schema.safeParse(env);
  if (result.success) return result.data;
  const bad = result.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new WeighbridgeError('CONFIG_INVALID', `environment: ${bad.join('; ')}`, {
    next: `Set ${[...new Set(result.error.issues.map((issue) => String(issue.path[0])))].join(', ')} and start again.`,
    details: { variables: [...new Set(result.error.issues.map((issue) => String(issue.path[0])))] },
  });
}

function readNetwork(path: string, context: z.RefinementCtx): Network {
  try {
    const result = networkSchema.safeParse(JSON.parse(readFileSync(path, 'utf8')));
    if (result.success) return result.data;
    const [issue] = result.error.issues;
    context.addIssue(`${path} is not a network file: ${issue?.path.join('.')} ${issue?.message}`);
  } catch (error) {
    context.addIssue(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  return z.NEVER;
}
