import { closeSync, fstatSync, readdirSync, writeSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAX_ROWS_BYTES, type TrainInput } from '../../src/training/index.js';
import { DEFAULT_LIMITS } from './limits.js';
import { assertRoom, openSpool, spoolsIn } from './spool.js';

// Real: the disk. A whole job in a box is in test/medium/sandbox-spool.spec.ts.
let directory: string;
beforeAll(async () => void (directory = await mkdtemp(path.join(tmpdir(), 'weighbridge-spool-'))));
afterAll(async () => rm(directory, { recursive: true }));

describe('the disk of a worker', () => {
  it('is shared out among the jobs that train at once', async () => {
    const inside = path.join(directory, 'made', 'here');
    const one = await spoolsIn({ directory: inside, jobs: 1 }, 0);
    const each = await spoolsIn({ directory: inside, jobs: 2 }, 8);
    expect(one.directory).toBe(inside);
    expect(one.bytes).toBeGreaterThan(2 ** 20);
    // Others write to this disk, too.
    expect(each.bytes / one.bytes).toBeCloseTo(1 / 8, 1);
    expect(await spoolsIn({ directory: inside, jobs: 2, bytes: 4096 }, 0)).toEqual({ directory: inside, bytes: 4096 });
  });

  it.each([
    ['more than is free', async () => spoolsIn({ directory, jobs: 2, bytes: 2 ** 52 }, 0)],
    [
      'a directory that cannot be',
      async () => {
        const file = path.join(directory, 'file');
        await writeFile(file, '');
        return spoolsIn({ directory: file, jobs: 1 }, 0);
      },
    ],
  ])('is refused when a worker starts: %s', async (_name, made) => {
    await expect(made()).rejects.toMatchObject({ code: 'SANDBOX_UNAVAILABLE' });
  });

  it('has a file for a box that nobody else can open', async () => {
    const inside = path.join(directory, 'empty');
    const spools = await spoolsIn({ directory: inside, jobs: 1 }, 0);
    const [first, second] = [openSpool(spools), openSpool(spools)];
    writeSync(first, 'rows');
    expect(readdirSync(inside)).toEqual([]);
    expect(fstatSync(first)).toMatchObject({ nlink: 0, size: 4 });
    expect(fstatSync(second)).toMatchObject({ nlink: 0, size: 0 });
    for (const descriptor of [first, second]) closeSync(descriptor);
    expect(await readdir(inside)).toEqual([]);
  });
});

describe('the rows of a job', () => {
  /** Eight bytes a row, and a label of four. */
  const job = (rowCount: number): Pick<TrainInput, 'manifest' | 'declaration'> =>
    ({
      manifest: { rowCount, pieces: [] },
      declaration: {
        inputs: [{ name: 'x', shape: [2], dtype: 'float32' }],
        features: { x: [] },
        label: { kind: 'class', column: 'y', classes: [0, 1] },
        privacy: 'none',
      },
    }) as unknown as Pick<TrainInput, 'manifest' | 'declaration'>;
  const most = Math.floor(MAX_ROWS_BYTES / 12);
  const sealed = (rows: number): number => rows * (12 + 16);

  it('need no disk while they fit memory', async () => {
    await expect(assertRoom(DEFAULT_LIMITS, job(most))).resolves.toBeUndefined();
  });

  it('are left to another worker where they fit neither memory nor disk', async () => {
    const rows = most + 1;
    const gone = { code: 'UNAVAILABLE', retryable: true, details: { reason: 'out-of-memory' } };
    await expect(assertRoom(DEFAULT_LIMITS, job(rows))).rejects.toMatchObject(gone);
    const spools = { directory, bytes: sealed(rows) - 1 };
    await expect(assertRoom({ ...DEFAULT_LIMITS, spools }, job(rows))).rejects.toMatchObject(gone);
  });

  it('are taken where the disk has room for them, sealed', async () => {
    const spools = { directory, bytes: sealed(100) };
    await expect(assertRoom({ ...DEFAULT_LIMITS, rowsBytes: 12 * 99, spools }, job(100))).resolves.toBeUndefined();
    await expect(assertRoom({ ...DEFAULT_LIMITS, rowsBytes: 12 * 99, spools }, job(101))).rejects.toThrow();
  });
});
