// Real: the server that load tools of others are pointed at (`npm run bench -- log-server`), its PostgreSQL and its files.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, expect, it } from 'vitest';
import { utf8 } from '../../src/kernel/index.js';
import { readEntries, verifyCheckpoint, type Checkpoint } from '../../src/provenance/index.js';
import { distDir } from '../support/build.js';

const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-log-server-'));
const running: { stop(): Promise<unknown> }[] = [];
afterAll(async () => {
  for (const server of running) await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

async function startServer() {
  const script = path.join(distDir(), '../test/bench/log-server.mjs');
  const child = spawn(process.execPath, [script, '--port', '0', '--dir', dir], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  const server = { stop: async () => (child.kill('SIGTERM'), (await exited)[0]) };
  running.push(server);
  const first = (async () => {
    for await (const line of createInterface({ input: child.stdout })) return line;
    throw new Error('it ended before it said where it is');
  })();
  const { url, vkey } = JSON.parse(await first) as { url: string; vkey: string };
  return { ...server, url, vkey };
}

async function add(url: string, body: string | Uint8Array): Promise<[number, string]> {
  const response = await fetch(`${url}/add`, { method: 'POST', body: new Uint8Array(Buffer.from(body)) });
  return [response.status, await response.text()];
}

function checked(note: string, vkey: string): Checkpoint {
  const origin = vkey.split('+')[0] ?? '';
  return verifyCheckpoint(note, {
    log: { origin, vkeys: [{ vkey, fromSize: 0 }] },
    witnesses: { quorum: 0, vkeys: [] },
  });
}

it('serves a signed checkpoint before the first entry, takes any bytes, and has them after a restart', async () => {
  let server = await startServer();
  const { vkey } = server;
  const checkpoint = async () => checked(await (await fetch(`${server.url}/checkpoint`)).text(), vkey);
  expect((await checkpoint()).size).toBe(0);
  expect(await add(server.url, 'any bytes')).toEqual([200, '0']);
  expect(await add(server.url, '')).toEqual([200, '1']);
  expect(await add(server.url, 'any bytes')).toEqual([200, '0']);
  expect((await add(server.url, new Uint8Array(65_536)))[0]).toBe(413);
  // By itself, and as files too.
  await expect.poll(async () => (await checkpoint()).size, { timeout: 60_000 }).toBe(2);
  const file = (name: string) => readFileSync(path.join(dir, 'tiles', name), 'utf8');
  await expect.poll(() => checked(file('checkpoint'), vkey).size, { timeout: 60_000 }).toBe(2);
  expect(await server.stop()).toBe(0);

  server = await startServer();
  expect(server.vkey).toBe(vkey);
  expect(await add(server.url, '')).toEqual([200, '1']);
  const tile = async (name: string) => new Uint8Array(await (await fetch(`${server.url}/${name}`)).arrayBuffer());
  const entries: Uint8Array[] = [];
  for await (const { entry } of readEntries({ tile }, await checkpoint())) entries.push(entry);
  expect(entries).toEqual([utf8('any bytes'), utf8('')]);
  expect(await server.stop()).toBe(0);
}, 300_000);
