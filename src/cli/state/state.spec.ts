import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { withPrivateDir } from '../publish/private-dir.js';
import { assertWritable } from './assert-writable.js';
import { readJson, writeFileAtomic, writeJsonAtomic } from './atomic-file.js';
import { isDiskFull } from './disk-full.js';
import { withLock } from './lock.js';
import { findStateDir, findUpwards } from './state-dir.js';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'wb-state-'));
});
afterEach(async () => rm(dir, { recursive: true, force: true }));

describe('atomic files', () => {
  it('are private, whole, and leave nothing beside them', async () => {
    const file = path.join(dir, 'a.json');
    await writeJsonAtomic(file, { n: 1 });
    await writeJsonAtomic(file, { n: 2 });
    expect(await readJson(file, z.object({ n: z.number() }))).toEqual({ n: 2 });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(dir)).toEqual(['a.json']);
  });

  it('keep the old content when the new cannot be written', async () => {
    const file = path.join(dir, 'a');
    await mkdir(file);
    await expect(writeFileAtomic(file, 'x')).rejects.toThrow();
    expect(await readdir(dir)).toEqual(['a']);
  });

  it('that are damaged are named, never guessed', async () => {
    await writeFile(path.join(dir, 'a'), '{"n":');
    await expect(readJson(path.join(dir, 'a'), z.object({}))).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
    expect(await readJson(path.join(dir, 'b'), z.object({}))).toBeUndefined();
  });
});

describe('a lock', () => {
  it('lets one in at a time, and the next when it is done', async () => {
    const file = path.join(dir, 'sub', 'lock');
    await withLock(file, async () => {
      await expect(withLock(file, async () => 'in')).rejects.toMatchObject({ code: 'JOB_STATE' });
    });
    expect(await withLock(file, async () => 'in')).toBe('in');
  });

  it('is freed when the work fails', async () => {
    const file = path.join(dir, 'lock');
    await expect(withLock(file, async () => Promise.reject(new Error('work')))).rejects.toThrow('work');
    expect(await withLock(file, async () => 'in')).toBe('in');
  });

  it.each(['2147483646', '', 'junk'])('of a process that is gone (%j) is taken over', async (owner) => {
    await writeFile(path.join(dir, 'lock'), owner);
    expect(await withLock(path.join(dir, 'lock'), async () => 'in')).toBe('in');
  });
});

describe('a private directory', () => {
  it('is 0700 and gone afterwards, also after a failure', async () => {
    let seen = '';
    await expect(
      withPrivateDir(dir, async (inner) => {
        seen = inner;
        expect((await stat(inner)).mode & 0o777).toBe(0o700);
        await writeFile(path.join(inner, 'rows'), 'plain');
        throw new Error('work');
      }),
    ).rejects.toThrow('work');
    expect(seen).not.toBe('');
    expect(await readdir(dir)).toEqual([]);
  });

  it('does not follow links out of itself when it goes', async () => {
    const file = path.join(dir, 'input.csv');
    await writeFile(file, 'the seller\u2019s own');
    await withPrivateDir(path.join(dir, 'p'), async (inner) => symlink(file, path.join(inner, 'link.csv')));
    expect(await readFile(file, 'utf8')).toBe('the seller\u2019s own');
  });

  it.each<NodeJS.Signals>(['SIGINT', 'SIGTERM'])('is gone after %s', async (signal) => {
    // The file has no imports of ours, so Node runs it as it is.
    const module = pathToFileURL(path.join(import.meta.dirname, '../publish/private-dir.ts')).href;
    const hold = `const { withPrivateDir } = await import(${JSON.stringify(module)});
      await withPrivateDir(${JSON.stringify(dir)}, async () => {
        process.stdout.write('holding');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      });`;
    const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', hold], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => child.stdout.once('data', resolve));
    expect(await readdir(dir)).toHaveLength(1);
    child.kill(signal);
    expect(await new Promise((resolve) => child.once('exit', (_code, by) => resolve(by)))).toBe(signal);
    expect(await readdir(dir)).toEqual([]);
  });

  it('that a killed run left behind is removed by the next', async () => {
    await mkdir(path.join(dir, 'plain-old'));
    await writeFile(path.join(dir, 'plain-old', 'rows'), 'plain');
    await withPrivateDir(dir, async () => expect(await readdir(dir)).toHaveLength(1));
  });
});

it('finds the state directory upwards, or takes the one that is named', async () => {
  const inner = path.join(dir, 'a', 'b');
  await mkdir(inner, { recursive: true });
  await mkdir(path.join(dir, '.weighbridge'));
  expect(findStateDir(inner, {}).root).toBe(path.join(dir, '.weighbridge'));
  expect(findStateDir(inner, { WEIGHBRIDGE_STATE: '/x' }).job('0x1')).toBe('/x/jobs/0x1');
  expect(findUpwards(inner, 'no-such-file-anywhere')).toBeUndefined();
});

it('knows a full disk by Node\u2019s code and by DuckDB\u2019s words', () => {
  expect(isDiskFull(Object.assign(new Error('x'), { code: 'ENOSPC' }))).toBe(true);
  expect(isDiskFull(new Error('IO Error: Could not write file "x": No space left on device'))).toBe(true);
  expect(isDiskFull(new Error('x'))).toBe(false);
});

it('asks whether a file can be written before it matters', async () => {
  await assertWritable(path.join(dir, 'w'));
  await expect(assertWritable(path.join(dir, 'no', 'w'))).rejects.toMatchObject({ code: 'BAD_INPUT' });
  await expect(assertWritable(dir)).rejects.toMatchObject({ code: 'BAD_INPUT' });
});
