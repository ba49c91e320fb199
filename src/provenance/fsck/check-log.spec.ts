import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryLog } from '../../../test/support/memory-log.js';
import { writeStaticLog } from '../../../test/support/static-log.js';
import { toHex, utf8 } from '../../kernel/index.js';
import { tilePath } from '../tiles/tile-path.js';
import { checkLog } from './check-log.js';

// Real: the files of a log in a folder, and all hashing. In one thread here; test/medium/cli.spec.ts runs the threads.
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-fsck-'));
});
afterAll(async () => rm(dir, { recursive: true, force: true }));

const entries = Array.from({ length: 65_800 }, (_, i) => utf8(`entry ${i}`));

interface WrittenLog {
  at: string;
  log: ReturnType<typeof memoryLog>;
}
const made = new Map<number, Promise<WrittenLog>>();

/** The log of so many entries as files, made once: whoever changes one puts it back. */
async function written(size: number): Promise<WrittenLog> {
  const log = made.get(size) ?? write(size);
  made.set(size, log);
  return log;
}

async function write(size: number): Promise<WrittenLog> {
  const at = await mkdtemp(path.join(dir, `${size}-`));
  return { at, log: await writeStaticLog(at, entries.slice(0, size)) };
}

const look = async (at: string, log: ReturnType<typeof memoryLog>) => checkLog({ dir: at }, log.head, { threads: 0 });

describe('a log re-verified from its files', { timeout: 300_000 }, () => {
  it.each([0, 1, 255, 256, 257, 512, 65_536, 65_800])('holds at %i entries', async (size) => {
    const { at, log } = await written(size);
    const seen: number[] = [];
    const found = await checkLog({ dir: at }, log.head, { threads: 0, onProgress: (n) => seen.push(n) });
    expect({ ...found, root: toHex(found.root) }).toMatchObject({
      malformed: [],
      forged: [],
      root: toHex(log.head.root),
    });
    expect(found.tiles).toBe([...log.tiles.keys()].filter((name) => !name.includes('entries')).length);
    expect(seen.at(-1)).toBe(size);
  });

  it('names every forged tile, also one that no path to a chosen leaf meets (CVE-2026-56865)', async () => {
    const { at, log } = await written(65_800);
    for (const name of log.tiles.keys()) {
      if (
        name.includes('entries') ||
        (name.startsWith('tile/0/') && name !== tilePath({ level: 0, index: 77, width: 256 }))
      )
        continue;
      const file = path.join(at, name);
      const honest = await readFile(file);
      const forged = Buffer.from(honest);
      forged.writeUInt8(honest.readUInt8(honest.length - 1) ^ 1, honest.length - 1);
      await writeFile(file, forged);
      const found = await look(at, log);
      await writeFile(file, honest);
      expect(found.forged).toEqual([name]);
      expect(toHex(found.root)).toBe(toHex(log.head.root));
    }
  });

  it('sees a changed entry even when its tile was changed with it', async () => {
    const { at, log } = await write(600);
    const other = memoryLog(entries.slice(0, 600).map((entry, i) => (i === 300 ? utf8('another') : entry)));
    for (const name of [
      tilePath({ level: 'entries', index: 1, width: 256 }),
      tilePath({ level: 0, index: 1, width: 256 }),
    ]) {
      await writeFile(path.join(at, name), other.tiles.get(name) ?? '');
    }
    const found = await look(at, log);
    expect(toHex(found.root)).not.toBe(toHex(log.head.root));
    // The tile above still tells of the honest one below.
    expect(found.forged).toEqual([tilePath({ level: 1, index: 0, width: 2 })]);
  });

  it.each([
    ['ends early', (b: Buffer) => b.subarray(0, -1)],
    ['goes on after its entries', (b: Buffer) => Buffer.concat([b, Buffer.from([0, 0])])],
    ['is empty', () => Buffer.alloc(0)],
  ])('names a bundle that %s', async (_how, change) => {
    const { at, log } = await written(300);
    for (const name of [
      tilePath({ level: 'entries', index: 0, width: 256 }),
      tilePath({ level: 'entries', index: 1, width: 44 }),
    ]) {
      const honest = await readFile(path.join(at, name));
      await writeFile(path.join(at, name), change(honest));
      expect((await look(at, log)).malformed).toEqual([name]);
      await writeFile(path.join(at, name), honest);
    }
  });

  it('takes the full file where a log has dropped the partial one', async () => {
    const [older, { at }] = [memoryLog(entries.slice(0, 300)), await write(512)];
    const above = tilePath({ level: 1, index: 0, width: 1 });
    await mkdir(path.dirname(path.join(at, above)), { recursive: true });
    await writeFile(path.join(at, above), older.tiles.get(above) ?? '');
    const found = await checkLog({ dir: at }, older.head, { threads: 0 });
    expect(found).toMatchObject({ malformed: [], forged: [], tiles: 3 });
    expect(toHex(found.root)).toBe(toHex(older.head.root));
  });

  it('says which file is missing', async () => {
    const { at, log } = await write(300);
    await rm(path.join(at, 'tile/0/000'));
    await expect(look(at, log)).rejects.toMatchObject({
      code: 'BAD_INPUT',
      message: expect.stringMatching(/tile\/0\/000 cannot be read/) as string,
    });
  });
});
