import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { Redis } from 'ioredis';
import { describe } from 'vitest';
import { freePort, startChild, type ChildService } from '../../web3/devnet/service.js';

const READY_TIMEOUT_MS = 20_000;

export interface TestRedis extends ChildService {
  url: string;
}

/** Redis or Valkey as this machine has it: `REDIS_SERVER`, or either name on the path. */
const binary = [process.env.REDIS_SERVER, 'redis-server', 'valkey-server'].find(
  (name) => name !== undefined && spawnSync(name, ['--version']).status === 0,
);

/** A `describe` for what needs Redis. Without one on this machine it is skipped, and says so where nobody misses it. */
export function describeWithRedis(name: string, suite: () => void): void {
  if (binary === undefined) {
    console.warn(`SKIPPED, because neither redis-server nor valkey-server is installed here: ${name}`);
  }
  describe.skipIf(binary === undefined)(name, suite);
}

/** A Redis of its own, in memory, with the setting that BullMQ asks for. @throws Error where there is none */
export async function startTestRedis(): Promise<TestRedis> {
  if (binary === undefined) throw new Error('no redis-server on this machine: use describeWithRedis');
  const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-redis-'));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const settings = {
    bind: '127.0.0.1',
    port: String(port),
    dir,
    save: '',
    appendonly: 'no',
    'maxmemory-policy': 'noeviction',
  };
  const child = await startChild({
    name: 'redis',
    command: binary,
    args: Object.entries(settings).flatMap(([key, value]) => [`--${key}`, value]),
    logFile: path.join(dir, 'redis.log'),
    ready: () => answers(url),
    readyTimeoutMs: READY_TIMEOUT_MS,
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    rmSync(dir, { recursive: true, force: true });
  };
  return { ...child, stop, url };
}

async function answers(url: string): Promise<boolean> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return (await client.ping()) === 'PONG';
  } finally {
    client.disconnect();
  }
}
