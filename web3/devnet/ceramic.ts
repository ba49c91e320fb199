import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { repositoryRoot } from './repository-root.js';
import { startChild, type ChildService } from './service.js';

const READY_TIMEOUT_MS = 180_000;
const HEALTH_TIMEOUT_MS = 2_000;

export interface CeramicService extends ChildService {
  /** Base URL for `@ceramicnetwork/http-client`. */
  url: string;
}

/**
 * Starts the Ceramic engine in `dir`, as a process of its own. State outlives the process: a start in the same folder
 * goes on where the last one ended, however it ended.
 */
export async function startCeramic({ dir, port }: { dir: string; port: number }): Promise<CeramicService> {
  mkdirSync(dir, { recursive: true });
  const url = `http://127.0.0.1:${port}`;
  const service = await startChild({
    name: 'ceramic engine',
    command: process.execPath,
    args: ['--no-deprecation', path.join(repositoryRoot(), 'dist/programs/ceramic.js')],
    env: { PATH: process.env.PATH, CERAMIC_DIR: dir, CERAMIC_PORT: String(port) },
    logFile: path.join(dir, 'engine.log'),
    ready: () => healthy(url),
    readyTimeoutMs: READY_TIMEOUT_MS,
    pidFile: path.join(dir, 'engine.pid'),
  });
  return { ...service, url };
}

async function healthy(url: string): Promise<boolean> {
  const signal = AbortSignal.timeout(HEALTH_TIMEOUT_MS);
  return (await fetch(`${url}/api/v0/node/healthcheck`, { signal })).ok;
}
