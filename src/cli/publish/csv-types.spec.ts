// Real: DuckDB.
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { numberLike } from './csv-types.js';
import { openDuck, type Duck } from './duck.js';

let dir: string;
let duck: Duck;
beforeAll(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'weighbridge-types-'));
  duck = await openDuck(dir);
});
afterAll(async () => {
  duck.close();
  await rm(dir, { recursive: true });
});

it('no text is taken for a word that DuckDB would cast to a number', async () => {
  const numbers = `(VALUES ('1'), ('12.5'), ('.5'), ('-1'), ('+1'), ('1e400'), ('1_000'), ('0x10'), ('inf'), ('-inf'), ('nan'), ('Infinity'), ('e5'), (''))`;
  // Each of them in front of, behind and between the first 383 characters, which are spaces of all kinds and letters with accents too.
  const texts = `SELECT a.c || n.x || b.c AS t FROM ${numbers} n(x), (SELECT '' AS c UNION ALL SELECT chr(i::INT) FROM range(1, 384) r(i)) a,
    (SELECT '' AS c UNION ALL SELECT chr(i::INT) FROM range(1, 384) r(i)) b WHERE a.c = '' OR b.c = '' OR a.c = b.c`;
  const cast = 'TRY_CAST(t AS DOUBLE)';
  const { n, differ } = await duck.row(
    `SELECT count(${cast}) AS n, count_if(TRY_CAST(${numberLike('t')} AS DOUBLE) IS DISTINCT FROM ${cast}) AS differ FROM (${texts})`,
  );
  expect(Number(n)).toBeGreaterThan(100);
  expect(differ).toBe('0');
});
