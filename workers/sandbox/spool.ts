import { randomUUID } from 'node:crypto';
import { constants, openSync, unlinkSync } from 'node:fs';
import { mkdir, statfs } from 'node:fs/promises';
import path from 'node:path';
import { roomOf, type TrainInput } from '../../src/training/index.js';
import { WeighbridgeError } from '../../src/kernel/index.js';
import type { RefusalReason } from '../../src/provenance/index.js';
import { unavailable } from './errors.js';
import type { SandboxLimits, Spools } from './limits.js';

export interface SpoolOptions {
  /** Where rows that do not fit memory are kept, sealed. */
  directory: string;
  /** Jobs that train at once. */
  jobs: number;
  /** What each may take there; default: half of what is free, shared out; 0: nothing. */
  bytes?: number;
}

/**
 * @param gpus as many jobs train at once, if they are more
 * @throws WeighbridgeError SANDBOX_UNAVAILABLE
 */
export async function spoolsIn({ directory, bytes, ...options }: SpoolOptions, gpus: number): Promise<Spools> {
  const jobs = Math.max(options.jobs, gpus);
  const free = await mkdir(directory, { recursive: true, mode: 0o700 })
    .then(async () => freeBytes(directory))
    .catch((error: unknown) => {
      throw unavailable(
        `no rows can be kept in ${directory}`,
        'Give the worker a BLOB_DIR that it may write to.',
        error,
      );
    });
  if (bytes !== undefined && bytes * jobs > free) {
    throw unavailable(
      `${jobs} boxes may keep ${bytes} bytes of rows each, and ${directory} has ${free} free`,
      'Free disk space, or set SANDBOX_SPOOL_BYTES lower (0: rows that do not fit memory are left to other workers).',
    );
  }
  return { directory, bytes: bytes ?? Math.floor(free / 2 / jobs) };
}

/** A file of one box, without a name: nobody else can open it, and it is gone when the box and its worker have closed it. */
export function openSpool({ directory }: Spools): number {
  const file = path.join(directory, randomUUID());
  const descriptor = openSync(
    file,
    constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
    0o600,
  );
  unlinkSync(file);
  return descriptor;
}

/** @throws WeighbridgeError UNAVAILABLE if the rows of a job have no room here: another worker may have it */
export async function assertRoom(
  { rowsBytes, spools }: SandboxLimits,
  { manifest, declaration }: Pick<TrainInput, 'manifest' | 'declaration'>,
): Promise<void> {
  const { bytes, sealedBytes } = roomOf(manifest, declaration);
  if (bytes <= rowsBytes) return;
  const room = spools === undefined ? 0 : Math.min(spools.bytes, await freeBytes(spools.directory));
  if (sealedBytes <= room) return;
  throw new WeighbridgeError('UNAVAILABLE', `the rows take ${sealedBytes} bytes of disk, this worker has ${room}`, {
    next: 'Wait: another worker may have room. Its operator frees disk space, or sets SANDBOX_SPOOL_BYTES higher.',
    retryable: true,
    details: { reason: 'out-of-memory' satisfies RefusalReason },
  });
}

async function freeBytes(directory: string): Promise<number> {
  const { bavail, bsize } = await statfs(directory);
  return bavail * bsize;
}
