// Real: DuckDB on real files. Faked: nothing. What a file may hold that no shard can, and files that are broken.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { greyPng } from '../../../test/support/png.js';
import { isWeighbridgeError } from '../../kernel/index.js';
import { checkDeclared } from './check-declared.js';
import type { DeclaredColumns } from './declared-columns.js';
import { openDuck, parquetRows, type Duck } from './duck.js';
import { qualityOf } from './quality.js';
import { readSource, type Format } from './read.js';
import type { Source } from './source.js';

let dir: string;
let duck: Duck;

beforeAll(async () => {
  duck = await openDuck();
});
afterAll(() => duck.close());
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-read-limits-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

async function read(content: string | Uint8Array, format: Format, declared: DeclaredColumns = {}): Promise<Source> {
  const file = path.join(dir, `given.${format}`);
  await writeFile(file, content);
  return readSource(duck, file, format, await mkdtemp(path.join(dir, 'private-')), declared);
}

/** The first column as it is published, the last row first. */
async function column({ columns, parquetFile }: Source): Promise<unknown[]> {
  const rows = await duck.rows(
    `SELECT ${columns[0]?.sql} AS value FROM ${parquetRows(parquetFile)} ORDER BY file_row_number DESC LIMIT 2`,
  );
  return rows.map(({ value }) => value);
}

async function parquet(select: string): Promise<Buffer> {
  const file = path.join(dir, 'made.parquet');
  await duck.run(`COPY (${select}) TO '${file}' (FORMAT parquet, COMPRESSION snappy)`);
  return readFile(file);
}

const LONG = '18446744073709551616';

describe('whole numbers of more than 64 bits', () => {
  it.each<[Format, string]>([
    ['csv', `id,x\n1,2\n${LONG},3\n`],
    ['csv', `id,x\n${'1,2\n'.repeat(700_000)}${LONG},3\n`],
    ['ndjson', '{"id":1}\n{"id":18446744073709551615}\n'],
    ['ndjson', `{"id":1}\n{"id":${LONG}}\n`],
    ['ndjson', '{"id":1}\n{"id":-9223372036854775809}\n'],
  ])('are refused in %s with their place, and are what the seller declares them to be', async (format, content) => {
    const row = content.split('\n').length - (format === 'csv' ? 2 : 1);
    await expect(read(content, format)).rejects.toMatchObject({
      code: 'MALFORMED_DATA',
      message: `row ${row}, column "id": the whole number needs more than 64 bits`,
    });
    for (const type of ['string', 'number'] as const) {
      const source = await read(content, format, { id: { type } });
      expect(source.columns[0]).toMatchObject({ name: 'id', type });
      const [last] = await column(source);
      if (type === 'string') expect(content).toContain(String(last));
    }
  });

  it('are refused in Parquet, where those that fit are taken', async () => {
    const rows = (last: string) => parquet(`SELECT unnest([1::UBIGINT, ${last}::UBIGINT]) AS id`);
    expect((await read(await rows('9223372036854775807'), 'parquet')).columns[0]?.type).toBe('integer');
    await expect(read(await rows('9223372036854775808'), 'parquet')).rejects.toMatchObject({
      code: 'MALFORMED_DATA',
      details: { row: 2, column: 'id' },
    });
  });

  it('does not take large numbers with a power of ten for them', async () => {
    expect((await read('x\n1e30\n2\n0.5\n', 'csv')).columns[0]?.type).toBe('number');
    for (const other of ['2', '0.5']) {
      expect((await read(`{"x":1e30}\n{"x":${other}}\n`, 'ndjson')).columns[0]?.type).toBe('number');
    }
  });
});

describe('codes of digits', () => {
  it('with a line between them are texts, as the file says', async () => {
    const source = await read('code\n12_34\n5\n', 'csv');
    expect(source.columns[0]?.type).toBe('string');
    expect(await column(source)).toEqual(['5', '12_34']);
    await expect(read('code\n1\n2\n3_4\n', 'csv')).rejects.toMatchObject({ details: { row: 3, column: 'code' } });
  });
});

describe('the name of a column', () => {
  it('holds no NUL', async () => {
    await expect(read('i\0d\n1\n', 'csv')).rejects.toMatchObject({ code: 'MALFORMED_DATA', details: { column: 1 } });
  });
});

describe('Parquet', () => {
  it('refuses lists of anything but numbers, as NDJSON does', async () => {
    for (const list of ["['a', 'b']", "[DATE '2020-01-01']"]) {
      await expect(read(await parquet(`SELECT ${list} AS words`), 'parquet')).rejects.toMatchObject({
        code: 'MALFORMED_DATA',
        details: { column: 'words' },
      });
    }
  });

  it('checks every image, as those of a folder are', async () => {
    const blob = (bytes: Buffer) => `unhex('${bytes.toString('hex')}')`;
    const rows = (images: string[]) => parquet(`SELECT unnest([${images.join(', ')}]) AS scan, 1 AS label`);
    const declared: DeclaredColumns = { scan: { type: 'image' } };
    const whole = greyPng(7, 3, 2);
    const good = Array<string>(3000).fill(blob(whole));
    expect((await read(await rows(good), 'parquet', declared)).columns[0]?.type).toBe('image');
    await expect(read(await rows([...good, blob(whole.subarray(0, 40))]), 'parquet', declared)).rejects.toMatchObject({
      code: 'MALFORMED_DATA',
      message: expect.stringMatching(/^row 3001, column "scan": the value is no PNG or JPEG image/),
    });
    await expect(read(await rows([blob(whole), 'NULL']), 'parquet', declared)).rejects.toMatchObject({
      message: 'row 2, column "scan": there is no image',
    });
    const faces = await parquet(`SELECT {'bytes': ${blob(Buffer.from('GIF89a'))}, 'path': 'x'} AS face`);
    await expect(read(faces, 'parquet')).rejects.toMatchObject({ details: { row: 1, column: 'face' } });
  });

  it('says of an encrypted file that it is encrypted', async () => {
    const writer = await openDuck();
    const file = path.join(dir, 'encrypted.parquet');
    try {
      // Its own cipher, good enough for a file that is to be refused: the other one is an extension.
      await writer.run("SET force_mbedtls_unsafe = 'true'");
      await writer.run("PRAGMA add_parquet_key('seller', '0123456789abcdef')");
      await writer.run(`COPY (SELECT 1 AS a) TO '${file}' (FORMAT parquet, ENCRYPTION_CONFIG {footer_key: 'seller'})`);
    } finally {
      writer.close();
    }
    await expect(read(await readFile(file), 'parquet')).rejects.toMatchObject({
      message: 'the Parquet file is encrypted',
    });
  });

  it('calls a damaged file damaged wherever the damage is found, and names no path of ours', async () => {
    const sound = await parquet("SELECT i AS a, 'word ' || (i % 7) AS b, i / 3 AS c FROM range(2000) t(i)");
    const refused = [];
    for (let step = 0; step < 60; step++) {
      const bytes = Buffer.from(sound);
      const at = Math.floor((step * bytes.length) / 60);
      bytes[at] = (bytes[at] ?? 0) ^ 0xff;
      try {
        const source = await read(bytes, 'parquet');
        await checkDeclared(duck, source, {}, 'a');
        await qualityOf(duck, source, 'a');
      } catch (error) {
        refused.push(error);
      }
    }
    expect(refused.length).toBeGreaterThan(10);
    expect(refused.filter((error) => !isWeighbridgeError(error) || error.message.includes(dir))).toEqual([]);
  });

  it.each([
    ['cut off', (whole: Buffer) => whole.subarray(0, whole.length / 2)],
    ['something else', () => Buffer.from('hello')],
  ])('names no path of ours for a file that is %s', async (_name, change) => {
    await expect(read(change(await parquet('SELECT 1 AS a')), 'parquet')).rejects.toMatchObject({
      code: 'MALFORMED_DATA',
      message: 'the file is not a Parquet file, or it is cut off',
    });
  });
});

it('names no path of ours for a file of blank lines', async () => {
  await expect(read('\n\n', 'csv')).rejects.toMatchObject({ message: 'the file holds no rows' });
});
