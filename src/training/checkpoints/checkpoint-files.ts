import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import type { Bytes32 } from '../../kernel/index.js';

/**
 * Where the sealed state of a run lies: one a job, the newest. What is lost here is only time, so a fault of the disk is no fault of
 * the job.
 */
export interface CheckpointStore {
  /** Undefined if there is none, or none that can be read. */
  read(orderId: Bytes32): Promise<Uint8Array | undefined>;
  /** Puts it in the place of the one before. @returns false if the disk did not take it */
  write(orderId: Bytes32, sealed: Uint8Array): Promise<boolean>;
  /** Also where there is none. */
  remove(orderId: Bytes32): Promise<void>;
  /** Removes those of all other jobs: they ended, or nobody will take them up again. */
  keepOnly(orderIds: ReadonlySet<Bytes32>): Promise<void>;
}

/** A file that is not finished after that long is of a worker that died. */
const MAX_WRITE_MS = 60 * 60_000;

/** Files in one folder, which workers of one owner may share: whichever of them goes on with a job finds its state. */
export function checkpointFiles(dir: string): CheckpointStore {
  const fileOf = (orderId: Bytes32): string => path.join(dir, orderId.slice(2));
  return {
    read: async (orderId) => readFile(fileOf(orderId)).catch(() => undefined),
    write: async (orderId, sealed) => {
      const temporary = `${fileOf(orderId)}.${randomUUID()}.tmp`;
      try {
        await mkdir(dir, { recursive: true, mode: 0o700 });
        const handle = await open(temporary, 'wx', 0o600);
        try {
          await handle.writeFile(sealed);
          await handle.sync();
        } finally {
          await handle.close();
        }
        await rename(temporary, fileOf(orderId));
        return true;
      } catch {
        await rm(temporary, { force: true }).catch(() => undefined);
        return false;
      }
    },
    remove: async (orderId) => rm(fileOf(orderId), { force: true }).catch(() => undefined),
    keepOnly: async (orderIds) => {
      for (const name of await readdir(dir).catch(() => [])) {
        const file = path.join(dir, name);
        const isWanted = name.endsWith('.tmp') ? await isYoung(file) : orderIds.has(`0x${name}`);
        if (!isWanted) await rm(file, { force: true });
      }
    },
  };
}

async function isYoung(file: string): Promise<boolean> {
  const { mtimeMs } = await stat(file).catch(() => ({ mtimeMs: 0 }));
  return Date.now() - mtimeMs < MAX_WRITE_MS;
}
