// Real: gzip and files. Fake: the chain, and the clock.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { to0x, type Hex } from '../../src/kernel/index.js';
import { keepState } from './anvil-state.js';

const DUMP_MS = 500;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'weighbridge-state-'));
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(dir, { recursive: true });
});

it('saves a chain that changed, and leaves it alone for some twenty times as long as that took', async () => {
  let root: Hex = '0x01';
  let dumps = 0;
  const chain = {
    stateRoot: async () => root,
    dump: async () => {
      vi.advanceTimersByTime(DUMP_MS);
      return to0x(gzipSync(`chain ${++dumps}`));
    },
  };
  const file = path.join(dir, 'state.json');
  const keeper = keepState(chain, file);
  const resting = async (): Promise<boolean> => vi.waitUntil(() => vi.getTimerCount() === 1, { timeout: 20_000 });

  vi.advanceTimersByTime(1_000);
  await resting();
  expect(await readFile(file, 'utf8')).toBe('chain 1');
  root = '0x02';
  vi.advanceTimersByTime(19 * DUMP_MS);
  expect(dumps).toBe(1);
  vi.advanceTimersByTime(6 * DUMP_MS); // to wait lets the clock go on too
  await resting();
  expect(await readFile(file, 'utf8')).toBe('chain 2');

  vi.advanceTimersByTime(30 * DUMP_MS);
  await resting();
  expect(dumps).toBe(2); // nothing changed

  await keeper.stop();
  expect(await readFile(file, 'utf8')).toBe('chain 3');
  expect(vi.getTimerCount()).toBe(0);
});
