import path from 'node:path';
import { mkdirSync } from 'node:fs';
import type { DevnetLayout, DevnetPorts } from './layout.js';
import { DEVNET_LOG_ORIGIN } from './network.js';
import { repositoryRoot } from './repository-root.js';
import { startChild, type ChildService } from './service.js';

/** What the marketplace's own processes need to start: the devnet gives it, tests may add to `env`. */
export interface RoleContext {
  layout: DevnetLayout;
  ports: DevnetPorts;
  databaseUrl: string;
  distDir: string;
  env: NodeJS.ProcessEnv;
}

const READY_TIMEOUT_MS = 120_000;

/** Starts the log (sequencer, tiles, checkpoints). */
export async function startLog(context: RoleContext): Promise<ChildService> {
  const { layout, ports } = context;
  return startRole(context, 'log', 'log.js', `http://127.0.0.1:${ports.log}/readyz`, {
    LOG_PORT: String(ports.log),
    LOG_ORIGIN: DEVNET_LOG_ORIGIN,
    LOG_KEY_FILE: layout.keyFile('log-ed25519.pem'),
    LOG_ADD_TOKEN_FILE: layout.keyFile('log-add-token'),
    LOG_TILES_DIR: path.join(layout.dir, 'log-tiles'),
  });
}

/** Starts the GraphQL API. */
export async function startApi(context: RoleContext): Promise<ChildService> {
  const { layout, ports } = context;
  return startRole(context, 'api', 'api.js', `http://127.0.0.1:${ports.api}/readyz`, {
    HOST: '127.0.0.1',
    PORT: String(ports.api),
    BLOB_DIR: blobDir(layout),
    LOG_ADD_TOKEN_FILE: layout.keyFile('log-add-token'),
    RECORDER_KEY_FILE: layout.keyFile('recorder'),
  });
}

/** Starts the worker: jobs, settlement and the relay. `entry` is another program of the same kind, for tests. */
export async function startWorker(context: RoleContext, entry = 'worker.js'): Promise<ChildService> {
  const { layout, ports } = context;
  return startRole(context, 'worker', entry, `http://127.0.0.1:${ports.worker}/readyz`, {
    WORKER_PORT: String(ports.worker),
    RECORDER_KEY_FILE: layout.keyFile('recorder'),
    BLOB_DIR: blobDir(layout),
    LOG_ADD_TOKEN_FILE: layout.keyFile('log-add-token'),
    OPERATOR_KEY_FILE: layout.keyFile('operator'),
    WORKER_SEED_FILE: layout.keyFile('worker-seed'),
    RELAY_SEED_FILE: layout.keyFile('relay-seed'),
    PYTHON_DIR: path.join(repositoryRoot(), '.weighbridge/python/trainer'),
    TRAINER_DIR: path.join(repositoryRoot(), 'workers/trainer/src'),
  });
}

function blobDir(layout: DevnetLayout): string {
  const dir = path.join(layout.dir, 'blobs');
  mkdirSync(dir, { recursive: true });
  return dir;
}

async function startRole(
  context: RoleContext,
  name: string,
  entry: string,
  readyUrl: string,
  env: NodeJS.ProcessEnv,
): Promise<ChildService> {
  return startChild({
    name,
    command: process.execPath,
    args: ['--enable-source-maps', path.resolve(context.distDir, 'programs', entry)],
    logFile: path.join(context.layout.logs, `${name}.log`),
    env: {
      PATH: process.env.PATH,
      NODE_ENV: 'production',
      LOG_LEVEL: 'info',
      DATABASE_URL: context.databaseUrl,
      ...(process.env.REDIS_URL === undefined ? {} : { REDIS_URL: process.env.REDIS_URL }),
      WEIGHBRIDGE_NETWORK: context.layout.networkFile,
      ...env,
      ...context.env,
    },
    ready: async () => (await fetch(readyUrl, { signal: AbortSignal.timeout(2_000) })).ok,
    readyTimeoutMs: READY_TIMEOUT_MS,
    pidFile: path.join(context.layout.dir, `${name}.pid`),
  });
}
