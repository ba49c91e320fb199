import { open, rename, type FileHandle } from 'node:fs/promises';
import path from 'node:path';

/** Makes a rename or a removal in `dir` survive a power cut: POSIX keeps it only once the directory is synced. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Moves a synced file to its final name, durably. The name appears whole or not at all. */
export async function publishFile(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(path.dirname(to));
}

/** Writes a small file so that a reader sees the old content or the new, and the new one survives a power cut. */
export async function writeDurably(file: string, content: string | Uint8Array): Promise<void> {
  const scratch = `${file}.new`;
  const handle = await open(scratch, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await publishFile(scratch, file);
}

/** `FileHandle.writev` may write less than it was given. */
export async function writeAll(handle: FileHandle, parts: Uint8Array[]): Promise<void> {
  for (let left = parts; left.length > 0;) {
    let { bytesWritten } = await handle.writev(left);
    left = left.flatMap((part) => {
      const rest = part.subarray(bytesWritten);
      bytesWritten -= part.length - rest.length;
      return rest.length > 0 ? [rest] : [];
    });
  }
}
