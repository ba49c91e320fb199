import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { png as pngOf } from '../../../test/support/png.js';
import { checkDeclared } from './check-declared.js';
import type { DeclaredColumns } from './declared-columns.js';
import { openDuck, parquetRows, type Duck } from './duck.js';
import { digestOf, formatOf, readSource, type Format } from './read.js';
import type { Source } from './source.js';

// Real DuckDB on real folders in a temporary directory.
let dir: string;
let folder: string;
let duck: Duck;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-folder-'));
  folder = path.join(dir, 'pic*tures [1]');
  await mkdir(folder);
  duck = await openDuck(dir);
});
afterEach(async () => {
  duck.close();
  await rm(dir, { recursive: true, force: true });
});

async function put(name: string, content: string | Uint8Array): Promise<void> {
  await mkdir(path.dirname(path.join(folder, name)), { recursive: true });
  await writeFile(path.join(folder, name), content);
}

async function read(format?: Format, declared: DeclaredColumns = {}): Promise<Source> {
  const source = await readSource(duck, folder, format ?? formatOf(folder), dir, declared);
  await checkDeclared(duck, source, declared, undefined);
  return source;
}

async function rowsOf(source: Source): Promise<Record<string, unknown>[]> {
  const select = source.columns.map(({ name, type, sql }) => `${type === 'image' ? `hex(${sql})` : sql} AS "${name}"`);
  return duck.rows(`SELECT ${select.join(', ')} FROM ${parquetRows(source.parquetFile)} ORDER BY file_row_number`);
}

const types = (source: Source) => Object.fromEntries(source.columns.map(({ name, type }) => [name, type]));
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex').toUpperCase();

/** A grey pixel; its header may claim any size. */
const png = (grey: number, width = 1, height = 1): Buffer => pngOf(width, height, Buffer.from([0, grey]));

/** The head of a JPEG: an application segment, then the frame header. */
const jpeg = Buffer.from('ffd8ffe000040102ffc0000b080010002001011100ffd9', 'hex');

describe('a folder of images', () => {
  it('takes each image whole, and the folder that it lies in as its label', async () => {
    await put('cat/a?.png', png(1));
    await put('cat/b*.PNG', png(2));
    await put('dog/c.jpg', jpeg);
    await put('dog/.hidden.png', 'x');
    await put('readme.md', 'not an image');
    const source = await read();
    expect(types(source)).toEqual({ image: 'image', label: 'string' });
    expect(source.rowCount).toBe(3);
    expect(await rowsOf(source)).toEqual([
      { image: hex(png(1)), label: 'cat' },
      { image: hex(png(2)), label: 'cat' },
      { image: hex(jpeg), label: 'dog' },
    ]);
  });

  it('takes the columns of metadata.csv, and lists no name of a file', async () => {
    await put('1.png', png(1));
    await put('sub/2.png', png(2));
    await put('metadata.csv', 'file_name,age,site\nsub/2.png,41,north\n1.png,7,south\n');
    const source = await read(undefined, { age: { range: [0, 120] } });
    expect(types(source)).toEqual({ image: 'image', age: 'integer', site: 'string' });
    expect(await rowsOf(source)).toEqual([
      { image: hex(png(1)), age: '7', site: 'south' },
      { image: hex(png(2)), age: '41', site: 'north' },
    ]);
  });

  it('without labels has images alone', async () => {
    await put('1.png', png(1));
    expect(types(await read())).toEqual({ image: 'image' });
  });

  it.each<[string, Record<string, string | Uint8Array>, string, RegExp]>([
    ['no file at all', {}, 'BAD_INPUT', /neither PNG or JPEG/],
    ['images and texts', { 'a.png': png(1), 'b.txt': 'b' }, 'BAD_INPUT', /both images and text/],
    ['what is no image', { 'a/x.png': 'GIF89a' }, 'MALFORMED_DATA', /^a\/x\.png is no PNG or JPEG/],
    ['an image of gigabytes', { 'a/x.png': png(1, 50_000, 50_000) }, 'MALFORMED_DATA', /^a\/x\.png is no PNG/],
    ['a PNG that is cut off', { 'a/x.png': png(1).subarray(0, -13) }, 'MALFORMED_DATA', /^a\/x\.png is no PNG/],
    ['a JPEG that is cut off', { 'a/x.jpg': jpeg.subarray(0, -1) }, 'MALFORMED_DATA', /^a\/x\.jpg is no PNG/],
    [
      'a JPEG that is cut off after its preview, which ended',
      { 'a/x.jpg': Buffer.concat([jpeg.subarray(0, 2), Buffer.from('ffe10006ffd8ffd9', 'hex'), jpeg.subarray(2, -2)]) },
      'MALFORMED_DATA',
      /^a\/x\.jpg is no PNG/,
    ],
    ['a label that is missing', { 'a/x.png': png(1), 'y.png': png(2) }, 'MALFORMED_DATA', /^y\.png lies beside/],
    [
      'a row without its image',
      { '1.png': png(1), 'metadata.csv': 'file_name,a\n1.png,1\n2.png,2\n' },
      'MALFORMED_DATA',
      /^row 2, column "file_name": there is no such file/,
    ],
    [
      'an image without its row',
      { '1.png': png(1), '2.png': png(2), 'metadata.csv': 'file_name,a\n1.png,1\n' },
      'MALFORMED_DATA',
      /has no row for 2\.png/,
    ],
    [
      'two rows of one image',
      { '1.png': png(1), 'metadata.csv': 'file_name,a\n1.png,1\n1.png,2\n' },
      'MALFORMED_DATA',
      /^row 2, column "file_name": the file has two rows/,
    ],
    [
      'no file_name',
      { '1.png': png(1), 'metadata.csv': 'name,a\n1.png,1\n' },
      'MALFORMED_DATA',
      /no column "file_name"/,
    ],
  ])('refuses %s', async (_name, files, code, message) => {
    for (const [name, content] of Object.entries(files)) await put(name, content);
    await expect(read()).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  it('is another one when an image, a name or the metadata is', async () => {
    const digest = async () => digestOf(folder, 'images', async () => 'unused');
    await put('a/1.png', png(1));
    const digests = [await digest()];
    await put('a/1.png', png(2));
    digests.push(await digest());
    await put('a/2.png', png(2));
    digests.push(await digest());
    await put('metadata.csv', 'file_name\n');
    digests.push(await digest());
    expect(new Set(digests).size).toBe(4);
  });
});

describe('a folder of texts', () => {
  it('takes each file as one text', async () => {
    await put('spam/1.txt', 'Buy *now*\n');
    await put('ham/2.txt', 'Grüße');
    const source = await read();
    expect(types(source)).toEqual({ text: 'string', label: 'string' });
    expect(await rowsOf(source)).toEqual([
      { text: 'Grüße', label: 'ham' },
      { text: 'Buy *now*\n', label: 'spam' },
    ]);
  });

  it('refuses what is not UTF-8, by its name', async () => {
    await put('a/1.txt', Buffer.from([0x47, 0x72, 0xfc, 0xdf, 0x65]));
    await expect(read()).rejects.toMatchObject({ message: expect.stringMatching(/^a\/1\.txt is no UTF-8/) });
  });
});

describe('lists of numbers', () => {
  const lines = async (text: string, declared: DeclaredColumns = {}): Promise<Source> => {
    const file = path.join(dir, 'rows.ndjson');
    await writeFile(file, text);
    const source = await readSource(duck, file, 'ndjson', dir, declared);
    await checkDeclared(duck, source, declared, undefined);
    return source;
  };

  it('are tensors', async () => {
    const source = await lines('{"v":[1,2.5],"y":1}\n{"v":[3,4],"y":0}\n', { v: { shape: [1, 2] } });
    expect(types(source)).toEqual({ v: 'tensor', y: 'integer' });
    expect(await rowsOf(source)).toEqual([
      { v: [1, 2.5], y: '1' },
      { v: [3, 4], y: '0' },
    ]);
  });

  it.each([
    ['of two lengths', '{"v":[1,2]}\n{"v":[3]}\n', {}, /^row 2, column "v": .*list of 2 finite/],
    ['of another shape', '{"v":[1,2]}\n{"v":[3,4]}\n', { v: { shape: [3] } }, /^row 1, column "v": .*list of 3 finite/],
    ['with a hole', '{"v":[1,2]}\n{"v":[3,null]}\n', {}, /column "v"/],
    ['with a word', '{"v":[1,2]}\n{"v":[3,"x"]}\n', {}, /column "v"/],
    ['that are missing', '{"v":[1,2]}\n{"v":null}\n', {}, /^row 2, column "v"/],
  ])('%s are refused', async (_name, text, declared, message) => {
    await expect(lines(text, declared)).rejects.toMatchObject({ message: expect.stringMatching(message) });
  });
});
