import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { WeighbridgeError } from '../../kernel/index.js';
import type { FileState } from './unchanged.js';

/** As Hugging Face's ImageFolder has it: further columns of each file, by its name. */
export const METADATA = 'metadata.csv';

const EXTENSIONS = { images: ['.png', '.jpg', '.jpeg'], texts: ['.txt'] } as const;
export type FolderFormat = keyof typeof EXTENSIONS;

/** The files of a folder and what is under it, by their paths in it, `/` between names, in one order everywhere. */
export async function filesIn(folder: string, format: FolderFormat): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile() && hasExtension(entry.name, format))
    .map(({ parentPath, name }) => path.relative(folder, path.join(parentPath, name)).split(path.sep).join('/'))
    .toSorted();
}

/** What a folder holds, by what lies in it. @throws WeighbridgeError BAD_INPUT when that does not tell */
export function folderFormatOf(folder: string): FolderFormat {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const [images, texts] = (['images', 'texts'] as const).map((format) =>
    names.some((name) => hasExtension(name, format)),
  );
  if (images !== texts) return images === true ? 'images' : 'texts';
  const what = images === true ? 'both images and text files' : 'neither PNG or JPEG images nor .txt files';
  throw new WeighbridgeError('BAD_INPUT', `the folder ${folder} holds ${what}`, {
    next: 'Name the folder of the one kind, or say which with --format images or --format texts.',
  });
}

export function isFolder(file: string): boolean {
  return existsSync(file) && statSync(file).isDirectory();
}

/** SHA-256 over the names and the contents of all that a publish of the folder reads. */
export async function folderDigest(folder: string, format: FolderFormat): Promise<string> {
  const whole = createHash('sha256');
  for (const name of await namesRead(folder, format)) {
    const one = createHash('sha256');
    for await (const bytes of createReadStream(path.join(folder, name))) one.update(bytes as Uint8Array);
    whole.update(`${one.digest('hex')} ${JSON.stringify(name)}\n`);
  }
  return whole.digest('hex');
}

/** What tells that a file in the folder was written to, came or went. */
export async function folderState(folder: string, format: FolderFormat): Promise<FileState> {
  const state: FileState = { sizeBytes: 0, modifiedMs: 0, changedMs: 0, inode: 0 };
  for (const name of await namesRead(folder, format)) {
    const { size, mtimeMs, ctimeMs, ino } = await stat(path.join(folder, name));
    state.sizeBytes += size;
    state.modifiedMs = Math.max(state.modifiedMs, mtimeMs);
    state.changedMs = Math.max(state.changedMs, ctimeMs);
    state.inode = (state.inode * 31 + ino) % Number.MAX_SAFE_INTEGER;
  }
  return state;
}

async function namesRead(folder: string, format: FolderFormat): Promise<string[]> {
  const names = await filesIn(folder, format);
  return existsSync(path.join(folder, METADATA)) ? [...names, METADATA] : names;
}

function hasExtension(name: string, format: FolderFormat): boolean {
  const extensions: readonly string[] = EXTENSIONS[format];
  return !path.basename(name).startsWith('.') && extensions.includes(path.extname(name).toLowerCase());
}
