// Real: DuckDB, and files. Faked: nothing. The digests are Node's own, so that a DuckDB that divided otherwise would be found out.
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { holdoutKeyOf } from '../../storage/index.js';
import { openDuck, parquetRows, text, type Duck } from './duck.js';
import { divideRows } from './hold-out.js';
import type { PublishPlan } from './plan.js';
import type { Source } from './source.js';

const SHARE = 0.3;
const ROWS = 200;
const secret = new Uint8Array(32).fill(5);
const datasetId = `0x${'0d'.repeat(32)}` as const;
let dir: string;
let duck: Duck;

beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-hold-out-'));
  duck = await openDuck(dir);
});
afterAll(async () => {
  duck.close();
  await rm(dir, { recursive: true, force: true });
});

/** The IEEE 754 double, as docs/privacy.md has it written. */
function bits(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value + 0);
  return [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
}
const framed = (value: string | null): string => (value === null ? '-' : `${Buffer.byteLength(value)}:${value}`);
const sha256 = (value: string | Uint8Array): string => createHash('sha256').update(value).digest('hex');

it('holds out the rows whose canonical text says so, whatever DuckDB thinks of their values', async () => {
  const file = path.join(dir, 'rows.parquet');
  await duck.run(
    `COPY (SELECT i, CASE WHEN i % 7 = 0 THEN NULL ELSE (i - 100) / 3 END AS x, i % 2 = 0 AS b, 'ü' || i AS t, [i / 3, -0.0] AS v, encode('p' || i) AS p ` +
      `FROM range(${ROWS}) r(i)) TO ${text(file)} (FORMAT parquet)`,
  );
  const types = { i: 'integer', x: 'number', b: 'boolean', t: 'string', v: 'tensor', p: 'image' } as const;
  const columns = Object.entries(types).map(([name, type]) => ({ name, type, sql: name }));
  const source: Source = { parquetFile: file, columns, rowCount: ROWS, sizeBytes: 10_000 };
  const terms = { privacy: { holdout: SHARE } } as unknown as PublishPlan['terms'];
  const { heldOut } = await divideRows(duck, source, dir, { terms }, { secret, datasetId });
  const found = await duck.rows(`SELECT i::INT AS i FROM ${parquetRows(heldOut?.parquetFile ?? '')} ORDER BY i`);

  const key = holdoutKeyOf(secret, datasetId);
  const isHeldOut = (i: number): boolean => {
    const x = i % 7 === 0 ? null : bits((i - 100) / 3);
    const values = [String(i), x, String(i % 2 === 0), `ü${i}`, bits(i / 3) + bits(0), sha256(`p${i}`)];
    return parseInt(sha256(key + values.map(framed).join('')).slice(0, 13), 16) < SHARE * 2 ** 52;
  };
  const expected = Array.from({ length: ROWS }, (_, i) => i).filter(isHeldOut);
  expect(expected.length).toBeGreaterThan(0);
  expect(found.map(({ i }) => i)).toEqual(expected);
});
