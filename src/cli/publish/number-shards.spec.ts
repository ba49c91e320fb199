// Real: DuckDB, the disk. Slices are small, so that a small file has several.
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256Hex } from '../../kernel/index.js';
import type { DeclaredColumns } from './declared-columns.js';
import { openDuck, text, type Duck } from './duck.js';
import { numberShards, type NumberShard } from './number-shards.js';

const SLICE_BYTES = 4_000;
let root: string;
let dir: string;
let duck: Duck;

beforeAll(async () => {
  root = await mkdtemp(path.join(os.tmpdir(), 'weighbridge-numbers-'));
  duck = await openDuck(root);
});
afterAll(async () => {
  duck.close();
  await rm(root, { recursive: true });
});
beforeEach(async () => (dir = await mkdtemp(path.join(root, 'case-'))));

/** Whole numbers, and fractions that a double holds exactly; every seventh row lacks one. */
const row = (i: number): string => `${i % 7 === 0 ? '' : i - 500},${(i * 37) % 1000}.25`;
const rows = (count: number): string[] => Array.from({ length: count }, (_, i) => row(i));
const csvOf = (lines: string[], header = 'n,x'): string => `${header}\n${lines.join('\n')}\n`;

async function begun(
  csv: string | Uint8Array,
  declared: DeclaredColumns = {},
  keepOrder = false,
  sliceBytes = SLICE_BYTES,
) {
  const file = path.join(dir, 'in [1].csv');
  await writeFile(file, csv);
  const privateDir = await mkdtemp(path.join(dir, 'private-'));
  const plan = { file, encoding: undefined, declared, keepOrder };
  return numberShards(duck, plan, privateDir, async (_step, work) => work(), sliceBytes);
}

async function shardsOf(csv: string, declared: DeclaredColumns = {}, keepOrder = false): Promise<NumberShard[]> {
  const numbers = await begun(csv, declared, keepOrder);
  if (numbers === undefined) throw new Error('not taken for numbers');
  const shards = [];
  for await (const shard of numbers.shards) shards.push(shard);
  return shards;
}

async function linesOf({ file }: NumberShard): Promise<string[]> {
  const read = await duck.rows(`SELECT * FROM read_parquet(${text(file)})`);
  return read.map((one) => Object.values(one).map(String).join().replaceAll('null', ''));
}

const allLines = async (shards: NumberShard[]): Promise<string[]> => (await Promise.all(shards.map(linesOf))).flat();
const digestsOf = async (shards: NumberShard[]): Promise<string[]> =>
  Promise.all(shards.map(async ({ file }) => sha256Hex(await readFile(file))));

describe('a file of numbers', () => {
  it('becomes shards of its rows, each once, typed, in another order than in the file', async () => {
    const shards = await shardsOf(csvOf(rows(2_000)));
    expect(shards.length).toBeGreaterThan(3);
    const lines = await allLines(shards);
    expect(lines.toSorted()).toEqual(rows(2_000).toSorted());
    expect(lines).not.toEqual(rows(2_000));
    for (const shard of shards) {
      expect(shard.rowCount).toBe((await linesOf(shard)).length);
      expect(shard.sizeBytes).toBe((await readFile(shard.file)).length);
      expect(shard.columns).toEqual([
        { name: 'n', type: 'integer', sql: '"n"', complete: false },
        { name: 'x', type: 'number', sql: '"x"', complete: true },
      ]);
    }
  });

  it('becomes the same shards each time, and keeps those it had when rows are added', async () => {
    const first = await digestsOf(await shardsOf(csvOf(rows(2_000))));
    expect(await digestsOf(await shardsOf(csvOf(rows(2_000))))).toEqual(first);
    const longer = await digestsOf(await shardsOf(csvOf(rows(2_600))));
    expect(longer.length).toBeGreaterThan(first.length);
    expect(longer.slice(0, first.length - 1)).toEqual(first.slice(0, -1));
  });

  it('keeps the order of its rows where the seller wants it', async () => {
    expect(await allLines(await shardsOf(csvOf(rows(2_000)), {}, true))).toEqual(rows(2_000));
  });

  it.each([
    ['CRLF and a byte order mark', (csv: string) => `\ufeff${csv.replaceAll('\n', '\r\n')}`],
    ['no line end at its end', (csv: string) => csv.slice(0, -1)],
    ['quotes in its header alone', (csv: string) => csv.replace('n,x', '"n","x"')],
    ['semicolons', (csv: string) => csv.replaceAll(',', ';')],
  ])('may have %s', async (_name, change) => {
    const shards = await shardsOf(change(csvOf(rows(1_500))));
    expect((await allLines(shards)).toSorted()).toEqual(rows(1_500).toSorted());
    expect(shards[0]?.columns.map(({ name }) => name)).toEqual(['n', 'x']);
  });

  it('is of numbers where the seller declares a column of whole numbers so', async () => {
    const [shard] = await shardsOf(csvOf(rows(1_500)), { n: { type: 'number' } });
    expect(shard?.columns[0]?.type).toBe('number');
  });

  it('leaves no slice behind, and no work that goes on, when its shards are wanted no more', async () => {
    const numbers = await begun(csvOf(rows(2_000)));
    for await (const _shard of numbers?.shards ?? []) break;
    const before = await readdir(dir, { recursive: true });
    expect(await duck.row(`SELECT current_setting('threads')::INT AS n`)).toEqual({ n: os.availableParallelism() });
    expect((await readdir(dir, { recursive: true })).toSorted()).toEqual(before.toSorted());
  });
});

describe('is left to be read with care, before a shard is made', () => {
  it.each([
    ['a small file', csvOf(rows(100))],
    [
      'words',
      csvOf(
        rows(2_000).map((line) => `${line},a`),
        'n,x,word',
      ),
    ],
    [
      'one column, where an empty line is a row',
      csvOf(
        Array.from({ length: 2_000 }, (_, i) => `${i}.5`),
        'n',
      ),
    ],
    [
      'a column without a value',
      csvOf(
        rows(2_000).map((line) => `${line},`),
        'n,x,none',
      ),
    ],
    ['no line ends', `n,x${'1'.repeat(20_000)}`],
  ])('%s', async (_name, csv) => expect(await begun(csv)).toBeUndefined());

  it('UTF-16', async () => {
    expect(await begun(Buffer.from(`\ufeff${csvOf(rows(2_000))}`, 'utf16le'))).toBeUndefined();
  });
});

describe('is left to be read with care at the shard with', () => {
  // Behind what is looked at first: it is as long as the longest sample.
  const many = Array.from({ length: 50_000 }, (_, i) => row(i));
  it.each([
    ['a word', 'word,0.25'],
    ['a fraction among whole numbers', '0.5,0.25'],
    ['a whole number that no double holds', '9007199254740993,0.25'],
    ['a number that is not finite', '1,inf'],
    ['what is not a number', '1,nan'],
    ['a field too few', '1'],
    ['a field too many', '1,0.25,3'],
    ['a quote', '1,"0.25"'],
  ])('%s', async (_name, line) => {
    const csv = csvOf([...many, line, ...rows(100)]);
    const numbers = await begun(csv, {}, false, 150_000);
    let shards = 0;
    const reading = (async () => {
      for await (const _shard of numbers?.shards ?? []) shards++;
    })();
    await expect(reading).rejects.toThrow();
    expect(shards).toBeGreaterThan(2);
  });
});
