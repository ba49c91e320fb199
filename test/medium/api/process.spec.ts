// Real: the API as a process of its own (dist/programs/api.js), PostgreSQL, BullMQ on it. Absent: log and chain; nothing listens
// at their addresses, which is what the API must say and survive.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { spawnSync } from 'node:child_process';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, startChild, type ChildService } from '../../../web3/devnet/service.js';
import { ask, bearer, signIn } from '../../support/api/client.js';
import { newAccount } from '../../support/api/story.js';
import { testNetwork } from '../../support/api/test-network.js';
import { distDir } from '../../support/build.js';
import { startTestDatabase, type TestDatabase } from '../../support/database.js';

const ADD_TOKEN = 'add-token-that-nobody-may-see';
const recorderKey = generatePrivateKey();
let dir: string;
let database: TestDatabase;
let env: Record<string, string>;
let network: ReturnType<typeof testNetwork>;

beforeAll(async () => {
  dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-api-'));
  database = await startTestDatabase();
  const port = await freePort();
  network = testNetwork(`http://127.0.0.1:${port}`, privateKeyToAccount(recorderKey).address);
  const file = (name: string, content: string): string => {
    writeFileSync(path.join(dir, name), content);
    return path.join(dir, name);
  };
  env = {
    PATH: process.env.PATH ?? '',
    WEIGHBRIDGE_NETWORK: file('network.json', JSON.stringify(network)),
    DATABASE_URL: database.url,
    PORT: String(port),
    BLOB_DIR: path.join(dir, 'blobs'),
    LOG_ADD_TOKEN_FILE: file('token', `${ADD_TOKEN}\n`),
    RECORDER_KEY_FILE: file('recorder', `${recorderKey}\n`),
  };
});
afterAll(async () => {
  await database?.stop();
  rmSync(dir, { recursive: true, force: true });
});

const main = (): string => path.join(distDir(), 'programs/api.js');
const logFile = (): string => path.join(dir, 'api.log');

async function startApi(): Promise<ChildService> {
  return startChild({
    name: 'api',
    command: process.execPath,
    args: [main()],
    env,
    logFile: logFile(),
    ready: async () => (await fetch(`${network.apiUrl}/healthz`)).ok,
    readyTimeoutMs: 60_000,
  });
}

describe('the API process', () => {
  it('runs without log and chain, says that it is not ready, and keeps its sessions over SIGKILL', async () => {
    const api = { url: network.apiUrl, network };
    const first = await startApi();
    const token = await signIn(api, newAccount());
    const ready = await fetch(`${network.apiUrl}/readyz`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({ checks: { database: 'ok', queue: 'ok' } });
    first.kill('SIGKILL');
    await first.exited;

    const second = await startApi();
    expect((await ask(api, '{ viewer { address } }', {}, token)).data?.viewer).not.toBeNull();
    await fetch(`${network.apiUrl}/manifests/${'a'.repeat(64)}?secret=in-the-query`, { headers: bearer(token) });
    second.kill('SIGTERM');
    expect(await second.exited).not.toBe('SIGKILL');

    const log = readFileSync(logFile(), 'utf8');
    expect(log).toContain(`"path":"/manifests/${'a'.repeat(64)}"`);
    for (const secret of [token, ADD_TOKEN, recorderKey, recorderKey.slice(2), 'in-the-query']) {
      expect(log).not.toContain(secret);
    }
  });

  it('outlives a restart of PostgreSQL, again and again, and goes on where it was', async () => {
    const api = { url: network.apiUrl, network };
    const child = await startApi();
    const token = await signIn(api, newAccount());
    for (let i = 0; i < 2; i++) {
      const busy = Promise.all(
        Array.from({ length: 20 }, async () => ask(api, '{ datasets { totalCount } }', {}, token)),
      );
      await database.restart();
      await busy;
      const ready = async (): Promise<boolean> => {
        const checks = (await (await fetch(`${network.apiUrl}/readyz`)).json()) as { checks: Record<string, string> };
        return checks.checks.database === 'ok' && checks.checks.queue === 'ok';
      };
      await expect.poll(ready, { timeout: 60_000, interval: 500 }).toBe(true);
      expect((await ask(api, '{ viewer { address } }', {}, token)).data?.viewer).not.toBeNull();
    }
    child.kill('SIGTERM');
    expect(await child.exited).not.toBe(1);
  });

  const bad = { DATABASE_URL: '', WEIGHBRIDGE_NETWORK: '/no/such/file', PORT: 'eighty' };
  it.each<Record<string, string>[]>([
    [bad],
    [{ RECORDER_KEY_FILE: '/no/such/file' }],
    [{ LOG_ADD_TOKEN_FILE: '/no/such/file' }],
    [{ BLOB_DIR: '/dev/null/blobs' }],
  ])('does not start with %j, and names each', (variables) => {
    const result = spawnSync(process.execPath, [main()], { env: { ...env, ...variables }, encoding: 'utf8' });
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('CONFIG_INVALID');
    for (const variable of Object.keys(variables)) expect(result.stderr).toContain(variable);
    expect(result.stdout + result.stderr).not.toContain(recorderKey);
  });

  it('does not start with the key of somebody else as recorder', () => {
    const other = path.join(dir, 'other');
    const key = generatePrivateKey();
    writeFileSync(other, key);
    const result = spawnSync(process.execPath, [main()], {
      env: { ...env, RECORDER_KEY_FILE: other },
      encoding: 'utf8',
    });
    expect(result.status).toBe(1);
    expect(result.stderr).toContain(`RECORDER_KEY_FILE does not hold the key of ${network.recorder}`);
    expect(result.stderr).not.toContain(key.slice(2));
  });
});
