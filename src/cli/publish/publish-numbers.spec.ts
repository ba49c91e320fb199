// Real and faked: see test/support/publishing.ts. The file is large enough to become shards while it is read.
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { dir, manifest, publishing, run, world } from '../../../test/support/publishing.js';

publishing();

const COLUMNS = 20;
const ROWS = 22_000;
/** Many digits, so that a file of 41 MiB has few numbers. */
const NUMBERS = Array.from({ length: 97 }, (_, i) => (i / 97).toFixed(100));

/** Numbers from 0 to 1, and a whole one at the end of a row. */
async function writeNumbers(lastRow: string): Promise<void> {
  const names = Array.from({ length: COLUMNS }, (_, i) => (i < COLUMNS - 1 ? `x${i}` : 'y'));
  const numbers = (i: number): string[] => names.slice(1).map((_, j) => NUMBERS[(i * 31 + j) % 97] ?? '');
  const lines = Array.from({ length: ROWS - 1 }, (_, i) => [...numbers(i), i].join());
  await writeFile(path.join(dir, 'data.csv'), [names.join(), ...lines, lastRow, ''].join('\n'));
  await writeFile(path.join(dir, 'data.columns.json'), '{"x0": {"range": [0, 1]}}');
}

const zeros = Array.from({ length: COLUMNS - 1 }, () => '0').join();

it('a large file of numbers is listed as any other, and goes on where it was interrupted', async () => {
  await writeNumbers(`${zeros},-1`);
  Object.assign(world, { break: 'sent', sendsBeforeBreak: 0 });
  await expect(run()).rejects.toThrow('broken at sent');
  expect(world).toMatchObject({ listings: [], commits: [] });
  world.break = undefined;
  const done = await run();
  expect(done).toMatchObject({ rowCount: ROWS, pieces: { length: 2 } });
  expect(done.timings.map(({ step }) => step)).not.toContain('data path: read');
  const sent = world.uploads.map(({ pieceCid }) => pieceCid);
  expect(sent.toSorted()).toEqual(done.pieces.map(({ pieceCid }) => pieceCid).toSorted());
  const { columns } = manifest();
  expect(columns.at(0)).toEqual({ name: 'x0', type: 'number', range: { min: 0, max: 1 } });
  expect(columns.at(-1)).toEqual({ name: 'y', type: 'integer' });
}, 300_000);

it('a row at its end that is not as declared is named, and nothing is listed', async () => {
  await writeNumbers(`2${zeros.slice(1)},-1`);
  await expect(run()).rejects.toMatchObject({ code: 'BAD_INPUT', details: { row: ROWS, column: 'x0' } });
  // What came before it was sent, as ciphertext that nobody has a key for.
  expect(world).toMatchObject({ uploads: { length: 1 }, wraps: 0, listings: [], commits: [] });
}, 300_000);
