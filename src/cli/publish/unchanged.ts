import { stat } from 'node:fs/promises';
import { WeighbridgeError } from '../../kernel/index.js';

/** What tells that a file was written to. */
export interface FileState {
  sizeBytes: number;
  modifiedMs: number;
  changedMs: number;
  inode: number;
}

export async function stateOf(file: string): Promise<FileState> {
  const { size, mtimeMs, ctimeMs, ino } = await stat(file);
  return { sizeBytes: size, modifiedMs: mtimeMs, changedMs: ctimeMs, inode: ino };
}

/**
 * @param now - the state of what was read, undefined if it is gone
 * @throws WeighbridgeError BAD_INPUT if it was written to: half of one state and half of another would be listed
 */
export function assertUnchanged(file: string, before: FileState, now: FileState | undefined): void {
  const same = (Object.keys(before) as (keyof FileState)[]).every((key) => now?.[key] === before[key]);
  if (same) return;
  throw new WeighbridgeError('BAD_INPUT', `${file} was changed while it was read`, {
    next: 'Wait until nothing writes to it, or take a copy, and run the same command again. Nothing was listed.',
  });
}
