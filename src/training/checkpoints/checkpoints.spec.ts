// Real: sealing, files. Faked: nothing.
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { trainer } from '../../../test/support/provenance-story.js';
import { checkpointKey } from '../run-job/worker-account.js';
import { checkpointFiles } from './checkpoint-files.js';
import { openState, sealState, type RunOfState } from './sealed-state.js';

const orderId = `0x${'0d'.repeat(32)}` as const;
const run: RunOfState = {
  orderId,
  jobDigest: `0x${'05'.repeat(32)}`,
  manifestDigest: `0x${'07'.repeat(32)}`,
  trainer,
};
const seed = new Uint8Array(32).fill(7);
const key = checkpointKey(seed, orderId);
const state = new Uint8Array(5_000).fill(0xab);

describe('the state of a run, sealed', () => {
  it('opens for the run that it is of, and shows nothing of itself before', () => {
    const sealed = sealState(key, run, state);
    expect(openState(key, run, sealed)).toEqual(state);
    expect(Buffer.from(sealed).includes(Buffer.alloc(8, 0xab))).toBe(false);
    expect(sealState(key, run, state)).not.toEqual(sealed);
  });

  it.each<[string, Partial<RunOfState>]>([
    ['another job', { orderId: `0x${'0e'.repeat(32)}` }],
    ['another declaration', { jobDigest: `0x${'06'.repeat(32)}` }],
    ['other rows', { manifestDigest: `0x${'08'.repeat(32)}` }],
    ['another number of threads', { trainer: { ...trainer, threads: 3 } }],
    ['another JAX', { trainer: { ...trainer, jaxlib: '0.8.1' } }],
    ['another processor', { trainer: { ...trainer, device: 'cpu x64 Other-1-1 00000000' } }],
  ])('does not open for %s', (_name, change) => {
    expect(openState(key, { ...run, ...change }, sealState(key, run, state))).toBeUndefined();
  });

  it("does not open without the worker's seed, for another order's key, changed or cut", () => {
    const sealed = sealState(key, run, state);
    expect(openState(checkpointKey(new Uint8Array(32), orderId), run, sealed)).toBeUndefined();
    expect(openState(checkpointKey(seed, run.jobDigest), run, sealed)).toBeUndefined();
    for (const at of [0, 20, sealed.length - 1]) {
      const changed = Uint8Array.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(openState(key, run, changed)).toBeUndefined();
    }
    expect(openState(key, run, sealed.subarray(0, 100))).toBeUndefined();
    expect(openState(key, run, new Uint8Array(3))).toBeUndefined();
  });
});

describe('where it lies', () => {
  let dir: string;
  beforeAll(async () => void (dir = await mkdtemp(path.join(tmpdir(), 'weighbridge-checkpoints-'))));
  afterAll(async () => rm(dir, { recursive: true, force: true }));

  it('one a job, the newest, for its owner alone, until it is removed', async () => {
    const store = checkpointFiles(path.join(dir, 'new'));
    expect(await store.read(orderId)).toBeUndefined();
    await store.remove(orderId);
    expect(await store.write(orderId, Uint8Array.of(1))).toBe(true);
    expect(await store.write(orderId, Uint8Array.of(2))).toBe(true);
    expect(await store.read(orderId)).toEqual(Buffer.of(2));
    expect(await readdir(path.join(dir, 'new'))).toEqual([orderId.slice(2)]);
    await store.remove(orderId);
    expect(await readdir(path.join(dir, 'new'))).toEqual([]);
  });

  it('of jobs that train, and of no others: what a worker that died was writing goes too', async () => {
    const swept = path.join(dir, 'swept');
    const store = checkpointFiles(swept);
    await store.keepOnly(new Set());
    const ended = `0x${'0e'.repeat(32)}` as const;
    for (const id of [orderId, ended]) await store.write(id, Uint8Array.of(1));
    const [young, old] = ['a.tmp', 'b.tmp'].map((name) => path.join(swept, name));
    for (const file of [young, old]) await writeFile(file ?? '', '');
    await utimes(old ?? '', 0, 0);
    await store.keepOnly(new Set([orderId]));
    expect((await readdir(swept)).sort()).toEqual([orderId.slice(2), 'a.tmp'].sort());
    expect(await store.read(orderId)).toEqual(Buffer.of(1));
  });

  it('a disk that takes nothing is told, not thrown: the one before stays', async () => {
    const store = checkpointFiles(path.join(dir, 'kept'));
    await store.write(orderId, Uint8Array.of(1));
    const broken = checkpointFiles(path.join(dir, 'kept', orderId.slice(2)));
    expect(await broken.write(orderId, Uint8Array.of(2))).toBe(false);
    expect(await readFile(path.join(dir, 'kept', orderId.slice(2)))).toEqual(Buffer.of(1));
  });
});
