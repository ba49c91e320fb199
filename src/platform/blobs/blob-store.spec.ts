import { existsSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { sha256Hex, utf8 } from '../../kernel/index.js';
import { BlobStore } from './blob-store.js';

const newDir = (): string => mkdtempSync(path.join(tmpdir(), 'weighbridge-blobs-'));
const bytes = utf8('weights of a model');
const digest = sha256Hex(bytes);
const pathIn = (dir: string, name = digest): string => path.join(dir, 'sha256', name.slice(0, 2), name);
const incoming = (dir: string): string[] =>
  existsSync(path.join(dir, 'incoming')) ? readdirSync(path.join(dir, 'incoming')) : [];

async function* chunks(...parts: (Uint8Array | Error)[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    if (part instanceof Error) throw part;
    yield part;
  }
}

describe('BlobStore', () => {
  it('gives back what it was given, in one piece or many', async () => {
    const store = new BlobStore(newDir());
    expect(await store.put(digest, chunks(bytes.slice(0, 3), bytes.slice(3)))).toEqual({
      digest,
      sizeBytes: bytes.length,
      created: true,
    });
    expect(await store.put(digest, bytes)).toMatchObject({ created: false });
    expect(await store.stat(digest)).toBe(bytes.length);
    expect(await store.read(digest)).toEqual(Buffer.from(bytes));
    const opened = await store.open(digest);
    expect(opened.sizeBytes).toBe(bytes.length);
    expect(await buffer(opened.stream)).toEqual(Buffer.from(bytes));
  });

  it.each([
    ['other bytes', () => chunks(utf8('other bytes')), 'DIGEST_MISMATCH'],
    ['too few bytes', () => chunks(bytes.slice(1)), 'DIGEST_MISMATCH'],
    ['too many bytes', () => chunks(bytes, new Uint8Array(100)), 'TOO_LARGE'],
  ])('keeps nothing of %s', async (_what, source, code) => {
    const dir = newDir();
    const store = new BlobStore(dir, 64);
    await expect(store.put(digest, source())).rejects.toMatchObject({ code });
    expect(await store.stat(digest)).toBeUndefined();
    expect(incoming(dir)).toEqual([]);
  });

  it('keeps nothing of a line that breaks off', async () => {
    const dir = newDir();
    await expect(new BlobStore(dir).put(digest, chunks(bytes.slice(0, 5), new Error('aborted')))).rejects.toThrow(
      'aborted',
    );
    expect(existsSync(pathIn(dir))).toBe(false);
    expect(incoming(dir)).toEqual([]);
  });

  it('says that the disk is full, and that nothing was stored', async () => {
    const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    const put = new BlobStore(newDir()).put(digest, chunks(full));
    await expect(put).rejects.toMatchObject({ code: 'DISK_FULL', retryable: true });
  });

  it('does not show a file that a crash left half written', async () => {
    const dir = newDir();
    const store = new BlobStore(dir);
    await store.put(sha256Hex(utf8('x')), utf8('x'));
    writeFileSync(path.join(dir, 'incoming', 'left-behind'), bytes.slice(0, 4));
    expect(await store.stat(digest)).toBeUndefined();
    await expect(store.open(digest)).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    expect(await store.put(digest, bytes)).toMatchObject({ created: true });
  });

  it('notices a byte that the disk lost', async () => {
    const dir = newDir();
    const store = new BlobStore(dir);
    await store.put(digest, bytes);
    writeFileSync(pathIn(dir), utf8('Weights of a model'));
    await expect(store.read(digest)).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
  });

  it('takes eight writers of one blob', async () => {
    const dir = newDir();
    const store = new BlobStore(dir);
    await Promise.all(
      Array.from({ length: 8 }, async () => store.put(digest, chunks(bytes.slice(0, 7), bytes.slice(7)))),
    );
    expect(await store.read(digest)).toEqual(Buffer.from(bytes));
    expect(incoming(dir)).toEqual([]);
  });

  it.each(['', '../../etc/passwd', digest.toUpperCase(), `${digest}0`, `../${digest}`])(
    'takes no path for a digest: %j',
    async (name) => {
      const store = new BlobStore(newDir());
      await expect(store.put(name, bytes)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      await expect(store.open(name)).rejects.toMatchObject({ code: 'BAD_INPUT' });
      await expect(store.read(name)).rejects.toMatchObject({ code: 'BAD_INPUT' });
    },
  );
});
