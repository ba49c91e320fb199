import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { checkDeclared } from './check-declared.js';
import type { DeclaredColumns } from './declared-columns.js';
import { openDuck, parquetRows, type Duck } from './duck.js';
import { formatOf, readSource, type Format } from './read.js';
import type { Source } from './source.js';
import { encodingNamed } from './transcode.js';

// Real DuckDB on real files in a temporary directory.
let spillDir: string;
let dir: string;
let duck: Duck;

beforeAll(async () => {
  spillDir = await mkdtemp(path.join(tmpdir(), 'wb-spill-'));
  duck = await openDuck(spillDir);
});
afterAll(async () => {
  duck.close();
  await rm(spillDir, { recursive: true, force: true });
});
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-read-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

async function read(
  content: string | Uint8Array,
  format: Format = 'csv',
  declared: DeclaredColumns = {},
  encoding?: string,
): Promise<Source> {
  const file = path.join(dir, `in put's [1].${format}`);
  await writeFile(file, content);
  return readSource(duck, file, format, dir, declared, encoding);
}

async function rowsOf(source: Source): Promise<Record<string, unknown>[]> {
  const select = source.columns.map(({ name, sql }) => `${sql} AS "${name}"`).join(', ');
  return duck.rows(`SELECT ${select} FROM ${parquetRows(source.parquetFile)} ORDER BY file_row_number`);
}

const types = (source: Source) => Object.fromEntries(source.columns.map(({ name, type }) => [name, type]));

describe('CSV', () => {
  it('reads names, types and rows in file order', async () => {
    const source = await read('a,b,c,d\n1,0.5,x,true\n-2,1,"y, ""z""",FALSE\n,,,\n');
    expect(types(source)).toEqual({ a: 'integer', b: 'number', c: 'string', d: 'boolean' });
    expect(source.rowCount).toBe(3);
    expect(await rowsOf(source)).toEqual([
      { a: '1', b: 0.5, c: 'x', d: true },
      { a: '-2', b: 1, c: 'y, "z"', d: false },
      { a: null, b: null, c: null, d: null },
    ]);
  });

  it.each([
    ['semicolons', 'a;b\n1;2\n'],
    ['tabs', 'a\tb\n1\t2\n'],
    ['a byte order mark', '\ufeffa,b\n1,2\n'],
    ['CRLF', 'a,b\r\n1,2\r\n'],
    ['no newline at the end', 'a,b\n1,2'],
    ['spaces after commas', 'a, b\n1, 2\n'],
  ])('reads %s', async (_name, content) => {
    const source = await read(content);
    expect(types(source)).toEqual({ a: 'integer', b: 'integer' });
    expect(await rowsOf(source)).toEqual([{ a: '1', b: '2' }]);
  });

  it('keeps a decimal that comes after many whole numbers', async () => {
    const source = await read(`a\n${'7\n'.repeat(30_000)}2.5\n`);
    expect(types(source)).toEqual({ a: 'number' });
    const { last } = await duck.row(
      `SELECT last(a ORDER BY file_row_number) AS last FROM ${parquetRows(source.parquetFile)}`,
    );
    expect(last).toBe(2.5);
  });

  it('keeps whole numbers beyond 2^53, early or late', async () => {
    const source = await read(`a,b\n9007199254740993,1\n${'1,2\n'.repeat(30_000)}2,9007199254740993\n`);
    expect(types(source)).toEqual({ a: 'integer', b: 'integer' });
    const rows = await rowsOf(source);
    expect(rows[0]).toEqual({ a: '9007199254740993', b: '1' });
    expect(rows.at(-1)).toEqual({ a: '2', b: '9007199254740993' });
  });

  it('reads texts of many lines that look like rows, wherever DuckDB begins to read', async () => {
    const note = '1,a\n2,b\n'.repeat(60_000); // half a MB each, in a file of several of DuckDB's parts
    const rows = Array.from({ length: 40 }, (_, i) => `${i},"${note}"\n`);
    const source = await read(`id,note\n${rows.join('')}`);
    expect(source.rowCount).toBe(40);
    const total = await duck.row(
      `SELECT sum(id)::INT AS ids, sum(length(note))::BIGINT AS characters FROM ${parquetRows(source.parquetFile)}`,
    );
    expect(total).toEqual({ ids: 780, characters: String(40 * note.length) });
  });

  it.each([
    ['a field too many', 'a,b\n1,2\n1,2,3\n', /^row 2, column "3": .*too many fields/],
    ['a field too few', 'a,b,c\n1,2,3\n4,5\n6,7,8\n', /^row 2, column "c": .*too few fields/],
    ['an open quote', 'a,b\n1,"x"\n2,"open\n3,4\n', /^row 2: a quote is not closed/],
    ['text after a quote', 'a,b\n1,"x"y\n', /^row 1, column "b": .*quote/],
    ['a word among numbers', 'a,b\n1,2\n2,x\n3,4\n', /^row 2, column "b": .*not a number/],
    ['a word after many numbers', `a,b\n${'1,2\n'.repeat(30_000)}1,x\n`, /^row 30001, column "b": .*not a number/],
    ['an infinite number', 'a\n1\ninf\n', /^row 2, column "a": .*not a finite number/],
    ['a row after a multi-line field', 'a,b\n"1\n2",3\n4,5,6\n', /^row 2, column "3"/],
    ['a name given twice', 'a,b,a\n1,2,3\n', /columns 1 and 3 are both called "a"/],
    ['names that differ in case alone', 'a,b,A\n1,2,3\n', /columns 1 and 3 are called "a" and "A"/],
    ['a column without a name', 'a,,c\n1,2,3\n', /column 2 has no name/],
    ['no header', '1,2\n3,4\n', /numbers, not column names/],
    ['mixed line ends', 'a,b\n1,2\r\n3,4\n', /not a CSV file that can be read strictly/],
  ])('refuses %s', async (_name, content, message) => {
    await expect(read(content)).rejects.toMatchObject({
      code: 'MALFORMED_DATA',
      message: expect.stringMatching(message),
    });
  });

  it('refuses bytes that are not UTF-8, with their place and without the value', async () => {
    const broken = Buffer.concat([Buffer.from('a,b\n1,secret\n2,'), Buffer.from([0xff, 0xfe]), Buffer.from('\n')]);
    await expect(read(broken)).rejects.toMatchObject({
      message: 'row 2, column "b": the text is not UTF-8',
      details: { row: 2, column: 'b' },
    });
  });

  const NAMES = 'name,x\nmüller,1\nçelik,2\n';
  it.each([
    ['latin1', Buffer.from(NAMES, 'latin1'), encodingNamed('latin1')],
    ['UTF-16 that says so', Buffer.from(`\ufeff${NAMES}`, 'utf16le'), undefined],
    ['UTF-16, big end first', Buffer.from(`\ufeff${NAMES}`, 'utf16le').swap16(), 'latin1'],
    ['UTF-16 that the seller names', Buffer.from(NAMES, 'utf16le'), encodingNamed('utf-16')],
  ])('reads %s', async (_name, content, encoding) => {
    const source = await read(content, 'csv', {}, encoding);
    expect(types(source)).toEqual({ name: 'string', x: 'integer' });
    expect((await rowsOf(source)).map(({ name }) => name)).toEqual(['müller', 'çelik']);
  });

  it('names row and column of what is no text in the named encoding, and takes no name of none', async () => {
    const half = Buffer.concat([
      Buffer.from('a,b\n1,x\n2,', 'utf16le'),
      Buffer.of(0, 0xd8),
      Buffer.from('\n3,y\n', 'utf16le'),
    ]);
    await expect(read(half, 'csv', {}, 'utf-16le')).rejects.toMatchObject({
      message: 'row 2, column "b": the text is not utf-16le',
      details: { row: 2, column: 'b' },
    });
    expect(() => encodingNamed('klingon')).toThrow(/names no encoding/);
    await expect(read('{"a":1}\n', 'ndjson', {}, 'utf-8')).rejects.toMatchObject({ code: 'BAD_INPUT' });
  });

  it.each([
    ['nothing', ''],
    ['a header alone', 'a,b\n'],
    ['blank lines', '\n\n'],
  ])('refuses %s as empty', async (_name, content) => {
    await expect(read(content)).rejects.toMatchObject({ code: 'EMPTY_DATA' });
  });

  const wide = (columns: number) => {
    const header = Array.from({ length: columns }, (_, i) => `c${i}`).join(',');
    return `${header}\n${`${'1,'.repeat(columns - 1)}2.5\n`.repeat(50)}`;
  };

  it('reads as many columns as a manifest takes', async () => {
    const source = await read(wide(4096));
    expect(source.columns.map(({ type }) => type)).toEqual([...Array<string>(4095).fill('integer'), 'number']);
    expect(await checkDeclared(duck, source, {}, 'c0')).toEqual([]);
  }, 180_000);

  it('refuses one column more than a manifest takes', async () => {
    await expect(read(wide(4097))).rejects.toMatchObject({ code: 'MALFORMED_DATA' });
  });

  it('takes digits as text where the seller says so', async () => {
    const source = await read('zip\n01234\n98x\n', 'csv', { zip: { type: 'string' } });
    expect(types(source)).toEqual({ zip: 'string' });
    expect(await rowsOf(source)).toEqual([{ zip: '01234' }, { zip: '98x' }]);
  });
});

describe('NDJSON', () => {
  it('reads types and missing keys', async () => {
    const source = await read('{"a":1,"b":"x","c":true}\n{"a":2.5,"b":"2020-01-01","d":null}\n', 'ndjson');
    expect(types(source)).toEqual({ a: 'number', b: 'string', c: 'boolean', d: 'string' });
    expect(await rowsOf(source)).toEqual([
      { a: 1, b: 'x', c: true, d: null },
      { a: 2.5, b: '2020-01-01', c: null, d: null },
    ]);
  });

  it('keeps dates as text', async () => {
    expect(types(await read('{"d":"2020-01-01"}\n{"d":"2020-01-02"}\n', 'ndjson'))).toEqual({ d: 'string' });
  });

  it.each([
    ['a broken line', '{"a":1}\n{"a":2\n{"a":3}\n', /^row 2 is not valid JSON/],
    ['an array', '{"a":1}\n[1]\n', /^row 2 is not a JSON object/],
    ['a number', '1\n', /^row 1 is not a JSON object/],
    ['a nested value', '{"a":1}\n{"a":{"b":1}}\n', /^row 2, column "a": .*nested/],
    ['text among numbers', '{"a":1}\n{"a":"x"}\n{"a":2}\n', /^row 2, column "a": .*another type/],
    ['a key twice', '{"a":1}\n{"a":1,"a":2}\n', /^row 2, column "a": .*twice/],
  ])('refuses %s', async (_name, content, message) => {
    await expect(read(content, 'ndjson')).rejects.toMatchObject({
      code: 'MALFORMED_DATA',
      message: expect.stringMatching(message),
    });
  });

  it('refuses a file of blank lines as empty', async () => {
    await expect(read('\n\n', 'ndjson')).rejects.toMatchObject({ code: 'EMPTY_DATA' });
  });
});

describe('Parquet', () => {
  it('reads typed columns', async () => {
    await duck.run(
      `COPY (SELECT 1::UTINYINT AS a, 0.5::DECIMAL(4,2) AS b, 'x' AS c, true AS d, DATE '2020-01-01' AS e, [0.5, 1] AS f) TO '${dir}/t.parquet'`,
    );
    const source = await readSource(duck, path.join(dir, 't.parquet'), 'parquet', dir, {});
    expect(types(source)).toEqual({ a: 'integer', b: 'number', c: 'string', d: 'boolean', e: 'string', f: 'tensor' });
    expect(await rowsOf(source)).toEqual([{ a: 1, b: 0.5, c: 'x', d: true, e: '2020-01-01', f: [0.5, 1] }]);
  });

  it('refuses two columns of one name, whatever is called so within a column', async () => {
    const file = path.join(dir, 'twins.parquet');
    await duck.run(`COPY (SELECT [0.5, 1] AS a, 1 AS element, 2 AS twin1, 3 AS twin2) TO '${file}'`);
    const source = await readSource(duck, file, 'parquet', dir, {});
    expect(types(source)).toEqual({ a: 'tensor', element: 'integer', twin1: 'integer', twin2: 'integer' });
    await rm(path.join(dir, 'input.parquet'));
    const bytes = await readFile(file, 'latin1');
    await writeFile(file, bytes.replaceAll('twin2', 'twin1'), 'latin1');
    await expect(readSource(duck, file, 'parquet', dir, {})).rejects.toMatchObject({
      code: 'MALFORMED_DATA',
      message: 'columns 3 and 4 are both called "twin1"',
    });
  });

  it('refuses nested columns and files that are not Parquet', async () => {
    await duck.run(`COPY (SELECT {'b': 1} AS a) TO '${dir}/n.parquet'`);
    await expect(readSource(duck, path.join(dir, 'n.parquet'), 'parquet', dir, {})).rejects.toMatchObject({
      code: 'MALFORMED_DATA',
    });
    await rm(path.join(dir, 'input.parquet'));
    await expect(read('not parquet', 'parquet')).rejects.toMatchObject({ code: 'MALFORMED_DATA' });
  });
});

describe('what the seller declares', () => {
  const check = async (content: string, declared: DeclaredColumns, label?: string) =>
    checkDeclared(duck, await read(content, 'csv', declared), declared, label);

  it('agrees with the rows', async () => {
    const declared: DeclaredColumns = {
      x: { range: [0, 16] },
      w: { vocabulary: ['a', 'b'] },
      y: { vocabulary: [0, 1] },
    };
    expect(await check('x,w,y\n0,a,0\n16,b,1\n', declared, 'y')).toEqual([]);
  });

  it('counts missing values of columns that no recipe uses, or that are words', async () => {
    const declared: DeclaredColumns = { w: { vocabulary: ['a'] } };
    expect(await check('x,w,y\n1,a,0\n,,1\n,a,0\n', declared, 'y')).toEqual([
      { column: 'x', rows: 2 },
      { column: 'w', rows: 1 },
    ]);
  });

  it.each<[string, string, DeclaredColumns, string | undefined, string, RegExp]>([
    [
      'a value out of range',
      'x\n1\n17\n',
      { x: { range: [0, 16] } },
      undefined,
      'BAD_INPUT',
      /^row 2, column "x": .*declared range/,
    ],
    [
      'a word not declared',
      'w\na\nz\n',
      { w: { vocabulary: ['a'] } },
      undefined,
      'BAD_INPUT',
      /^row 2, column "w": .*vocabulary/,
    ],
    ['a number not declared', 'y\n0\n2\n', { y: { vocabulary: [0, 1] } }, undefined, 'BAD_INPUT', /^row 2, column "y"/],
    [
      'a column that is not there',
      'x\n1\n',
      { z: { range: [0, 1] } },
      undefined,
      'BAD_INPUT',
      /column "z", which the file does not have/,
    ],
    ['a label that is not there', 'x\n1\n', {}, 'y', 'BAD_INPUT', /--label names column "y"/],
    [
      'a missing number of a declared range',
      'x\n1\n""\n',
      { x: { range: [0, 1] } },
      undefined,
      'MALFORMED_DATA',
      /^row 2, column "x": there is no value/,
    ],
    [
      'a missing true or false',
      'x,y\ntrue,1\n,1\n',
      {},
      'y',
      'MALFORMED_DATA',
      /^row 2, column "x": there is no value/,
    ],
    ['a label without a value', 'x,y\n1,0\n2,\n', {}, 'y', 'MALFORMED_DATA', /^row 2, column "y": the label/],
    ['a range of text', 'x\na\n', { x: { range: [0, 1] } }, undefined, 'BAD_INPUT', /has a range and holds string/],
    [
      'whole numbers that are not',
      'x\n1\n2.5\n',
      { x: { type: 'integer' } },
      undefined,
      'BAD_INPUT',
      /declared integer and holds number/,
    ],
  ])('refuses %s', async (_name, content, declared, label, code, message) => {
    await expect(check(content, declared, label)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
  });
});

it('knows a format by its name, or says how to name it', () => {
  expect(formatOf('x/Y.CSV')).toBe('csv');
  expect(formatOf('y.jsonl')).toBe('ndjson');
  expect(() => formatOf('z.dat')).toThrow(/does not tell its format/);
});
