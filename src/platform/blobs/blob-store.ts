import { createHash, randomUUID } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { WeighbridgeError } from '../../kernel/index.js';

export interface StoredBlob {
  digest: string;
  sizeBytes: number;
  /** False if the store had it before. */
  created: boolean;
}

/** Model files and encrypted weights: what a blob may weigh, in bytes. */
export const MAX_BLOB_BYTES = 512 * 1024 * 1024;
const DIGEST = /^[0-9a-f]{64}$/;

/**
 * Content-addressed files in one folder, shared by API and workers. A file under its digest is whole and on the disk: bytes
 * go to a temporary file, are hashed on the way, synced, and renamed. A crash leaves at most a temporary file behind.
 */
export class BlobStore {
  constructor(
    private readonly dir: string,
    private readonly maxBytes = MAX_BLOB_BYTES,
  ) {}

  /** Makes the folder. @throws WeighbridgeError CONFIG_INVALID if it cannot be written: better at start than at an upload */
  async prepare(): Promise<void> {
    try {
      await mkdir(path.join(this.dir, 'incoming'), { recursive: true });
      await access(this.dir, constants.W_OK);
    } catch (cause) {
      throw new WeighbridgeError('CONFIG_INVALID', `BLOB_DIR: ${this.dir} cannot be written`, {
        next: 'Set BLOB_DIR to a folder that this process may write.',
        cause,
      });
    }
  }

  /**
   * Stores a blob. Bytes of one that is there already are read and checked all the same, but not kept twice.
   * @throws WeighbridgeError TOO_LARGE, DIGEST_MISMATCH, DISK_FULL, BAD_INPUT for a digest that is none
   */
  async put(digest: string, source: AsyncIterable<Uint8Array> | Uint8Array): Promise<StoredBlob> {
    const target = this.pathOf(digest);
    const existing = await this.stat(digest);
    const temporary = path.join(this.dir, 'incoming', randomUUID());
    try {
      await mkdir(path.dirname(temporary), { recursive: true });
      const sizeBytes = await this.write(temporary, digest, source instanceof Uint8Array ? [source] : source);
      if (existing !== undefined) return { digest, sizeBytes, created: false };
      await mkdir(path.dirname(target), { recursive: true });
      await rename(temporary, target);
      await syncDir(path.dirname(target));
      return { digest, sizeBytes, created: true };
    } catch (error) {
      throw isDiskFull(error) ? diskFull(error) : error;
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** Size in bytes, or undefined if the store has no such blob. @throws WeighbridgeError BAD_INPUT */
  async stat(digest: string): Promise<number | undefined> {
    try {
      return (await stat(this.pathOf(digest))).size;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  /** @throws WeighbridgeError BLOB_NOT_FOUND, BAD_INPUT */
  async open(digest: string): Promise<{ sizeBytes: number; stream: Readable }> {
    const sizeBytes = await this.stat(digest);
    if (sizeBytes === undefined) throw blobNotFound(digest);
    return { sizeBytes, stream: createReadStream(this.pathOf(digest)) };
  }

  /**
   * A whole blob, hashed again: a disk may rot.
   * @throws WeighbridgeError BLOB_NOT_FOUND, DIGEST_MISMATCH, BAD_INPUT
   */
  async read(digest: string): Promise<Uint8Array> {
    if ((await this.stat(digest)) === undefined) throw blobNotFound(digest);
    const bytes = await readFile(this.pathOf(digest));
    const actual = createHash('sha256').update(bytes).digest('hex');
    if (actual !== digest) throw digestMismatch(digest, actual);
    return bytes;
  }

  /** Writes, hashes and syncs a temporary file. The caller removes it, whatever happens. */
  private async write(
    file: string,
    digest: string,
    source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<number> {
    const hash = createHash('sha256');
    let sizeBytes = 0;
    const handle = await open(file, 'wx', 0o600);
    try {
      for await (const chunk of source) {
        sizeBytes += chunk.length;
        if (sizeBytes > this.maxBytes) throw tooLarge(this.maxBytes);
        hash.update(chunk);
        await handle.writeFile(chunk);
      }
      const actual = hash.digest('hex');
      if (actual !== digest) throw digestMismatch(digest, actual);
      await handle.sync();
      return sizeBytes;
    } finally {
      await handle.close();
    }
  }

  private pathOf(digest: string): string {
    if (!DIGEST.test(digest)) {
      throw new WeighbridgeError('BAD_INPUT', 'a blob is named by 64 lower-case hex digits', {
        next: 'Use the SHA-256 of the bytes, in hex.',
      });
    }
    return path.join(this.dir, 'sha256', digest.slice(0, 2), digest);
  }
}

/** A rename is durable once its folder is. */
async function syncDir(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export function blobNotFound(digest: string): WeighbridgeError {
  return new WeighbridgeError('BLOB_NOT_FOUND', `no blob ${digest}`, {
    next: `PUT its bytes to /blobs/sha256/${digest} first.`,
    details: { digest },
  });
}

function digestMismatch(expected: string, actual: string): WeighbridgeError {
  return new WeighbridgeError('DIGEST_MISMATCH', `the bytes hash to ${actual}, not to ${expected}`, {
    next: 'Hash the bytes again and send them whole, under that digest.',
    details: { expected, actual },
  });
}

function tooLarge(maxBytes: number): WeighbridgeError {
  return new WeighbridgeError('TOO_LARGE', `a blob holds at most ${maxBytes} bytes`, {
    next: 'Send a smaller file.',
    details: { maxBytes },
  });
}

function diskFull(cause: unknown): WeighbridgeError {
  return new WeighbridgeError('DISK_FULL', 'the blob store has no room left', {
    next: 'Try again later; nothing was stored.',
    retryable: true,
    cause,
  });
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | null)?.code === 'ENOENT';
}

function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}
