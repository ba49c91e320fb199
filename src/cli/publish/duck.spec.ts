// Real: DuckDB and the files. Faked: nothing.
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testDir } from '../../../test/support/cli.js';
import { openDuck, type Duck } from './duck.js';

let dir: string;
let remove: () => Promise<void>;
let duck: Duck;

beforeAll(async () => {
  ({ dir, remove } = await testDir());
  duck = await openDuck(dir);
});
afterAll(async () => {
  duck?.close();
  await remove();
});

const limit = async (): Promise<unknown> => (await duck.row("SELECT current_setting('memory_limit') AS held"))['held'];

it('holds little in memory, and spills what is sorted', async () => {
  const file = path.join(dir, 'sorted.parquet');
  await duck.run(
    `COPY (SELECT i, hash(i) AS h, hash(i + 1) AS g FROM range(5000000) t(i) ORDER BY h) TO '${file}' (FORMAT parquet)`,
  );
  expect(await duck.row(`SELECT count(*) AS n FROM '${file}'`)).toEqual({ n: '5000000' });
  expect(await limit()).toBe('80.0 MiB');
});

it('gives back what it freed, and goes on as it was', async () => {
  await duck.run('SET threads = 1'); // as shards are written
  await duck.rows('SELECT max(n) FROM (SELECT count(*) AS n FROM range(1000000) t(i) GROUP BY hash(i))');
  const heldBytes = process.memoryUsage.rss();
  await duck.trim();
  expect(process.memoryUsage.rss()).toBeLessThan(heldBytes - 10e6);
  expect(await duck.row("SELECT current_setting('threads') AS n")).toEqual({ n: '1' });
});

it('has more memory for what can neither be done with little nor spilled', async () => {
  // One list of 160 MB.
  const { n } = await duck.row('SELECT len(list(i)) AS n FROM range(20000000) t(i)');
  expect(n).toBe('20000000');
  const mebibytes = Number.parseFloat(String(await limit()));
  expect(mebibytes).toBeGreaterThan(160);
  expect(mebibytes).toBeLessThan(1024);
});
