import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, rmdir } from 'node:fs/promises';
import path from 'node:path';
import type { TileStorage } from './storage.js';

/** Files in a folder, as any web server could serve them. Written beside their place, fsynced, and moved there. */
export class FolderStorage implements TileStorage {
  readonly name: string;
  /** Folders whose own entry in their parent is durable. */
  private readonly made = new Set<string>();

  constructor(dir: string) {
    this.name = path.resolve(dir);
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    const target = path.join(this.name, name);
    try {
      await this.write(target, bytes);
    } catch (error) {
      if (codeOf(error) !== 'ENOENT') throw error;
      // Somebody removed the folder: make it again.
      this.made.clear();
      await this.write(target, bytes);
    }
  }

  private async write(target: string, bytes: Uint8Array): Promise<void> {
    const dir = path.dirname(target);
    await this.ensure(dir);
    const temporary = path.join(dir, `.${randomUUID()}`);
    try {
      const file = await open(temporary, 'wx');
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await syncFolder(dir);
  }

  async get(name: string): Promise<Uint8Array | undefined> {
    try {
      return await readFile(path.join(this.name, name));
    } catch (error) {
      if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
      throw error;
    }
  }

  async remove(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const target = path.join(this.name, name);
      await rm(target, { force: true });
      // The folder of a tile's partial widths goes with the last of them.
      const dir = path.dirname(target);
      await rmdir(dir).then(
        () => this.made.delete(dir),
        () => undefined,
      );
    }
  }

  private async ensure(dir: string): Promise<void> {
    if (this.made.has(dir)) return;
    if (dir !== this.name) await this.ensure(path.dirname(dir));
    await mkdir(dir, { recursive: true });
    await syncFolder(path.dirname(dir));
    this.made.add(dir);
  }
}

/** Makes the names in a folder durable: an fsync of a file says nothing about its name. */
async function syncFolder(dir: string): Promise<void> {
  const folder = await open(dir, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
