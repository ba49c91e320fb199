// Real: DuckDB and the file. Faked: nothing.
import path from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { testDir } from '../../../test/support/cli.js';
import { distinctRows } from './distinct-rows.js';
import { openDuck, text, type Duck } from './duck.js';

let dir: string;
let remove: () => Promise<void>;
let duck: Duck;
beforeEach(async () => {
  ({ dir, remove } = await testDir());
  duck = await openDuck(dir);
});
afterEach(async () => {
  duck.close();
  await remove();
});

it.each([1, 3, 7, 30, 1000])('counts each row once, %i at once, or in eight passes', async (atOnce) => {
  const parquetFile = path.join(dir, 'rows.parquet');
  // 23 different rows, of which one is empty and 17 are there twice.
  await duck.run(
    `COPY (SELECT i % 23 AS a, nullif(i % 23, 5) AS b FROM range(40) t(i)) TO ${text(parquetFile)} (FORMAT parquet)`,
  );
  const columns = ['a', 'b'].map((name) => ({ name, type: 'integer' as const, sql: name }));
  expect(await distinctRows(duck, { columns, parquetFile, rowCount: 40 }, atOnce)).toBe(23);
});
