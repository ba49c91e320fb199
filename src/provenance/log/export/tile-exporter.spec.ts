import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { memoryLog } from '../../../../test/support/memory-log.js';
import { toHex, utf8 } from '../../../kernel/index.js';
import type { AnchorableCheckpoint } from '../../ports.js';
import { Edge } from '../../tiles/edge.js';
import { tilePath, type TileName } from '../../tiles/tile-path.js';
import { readEntries } from '../../tiles/read-entries.js';
import { pureHasher } from '../../verify/rfc6962.js';
import { FolderStorage } from './folder-storage.js';
import type { TileStorage } from './storage.js';
import { TileExporter } from './tile-exporter.js';

const dir = mkdtempSync(path.join(tmpdir(), 'weighbridge-tiles-'));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const entries = Array.from({ length: 1_100 }, (_, i) => utf8(`entry ${i}`));

/** A log whose published checkpoint a test moves. Real: trees and the folder. Faked: the database. */
class FakeLog {
  size = 0;
  cursor = 0;
  readonly read: TileName[] = [];

  constructor(readonly storage: TileStorage = new FolderStorage(dir)) {}

  async exporter(): Promise<TileExporter> {
    return TileExporter.open({
      reader: {
        tile: async (name) => {
          this.read.push(name);
          return memoryLog(entries.slice(0, this.size)).tile(tilePath(name));
        },
      },
      edge: () => Edge.empty(pureHasher),
      published: () => this.published(),
      storage: this.storage,
      cursor: { read: async () => this.cursor, move: async (bundles) => void (this.cursor = bundles) },
      onError: () => undefined,
    });
  }

  published(): AnchorableCheckpoint {
    const { root } = memoryLog(entries.slice(0, this.size)).head;
    return { size: this.size, root: toHex(root), note: `note of ${this.size}`, signatures: [] };
  }
}

async function exportAll(exporter: TileExporter): Promise<void> {
  while ((await exporter.step()) === 'more');
}

/** What a reader of the folder alone finds under the checkpoint that lies there. */
async function readBack(size: number): Promise<number> {
  expect(readFileSync(path.join(dir, 'checkpoint'), 'utf8')).toBe(`note of ${size}`);
  const tile = async (name: string): Promise<Uint8Array> => new Uint8Array(readFileSync(path.join(dir, name)));
  let count = 0;
  for await (const { entry } of readEntries({ tile }, memoryLog(entries.slice(0, size)).head)) {
    expect(entry).toEqual(entries[count++]);
  }
  return count;
}

describe('the exporter', () => {
  it('leaves a whole tlog-tiles tree at every checkpoint, and writes each full tile once', async () => {
    const log = new FakeLog();
    const exporter = await log.exporter();
    for (const size of [0, 1, 255, 256, 700, 1_100]) {
      log.size = size;
      await exportAll(exporter);
      expect(await readBack(size)).toBe(size);
    }
    const full = log.read.filter(({ width }) => width === 256).map(tilePath);
    expect(full).toHaveLength(new Set(full).size);
    expect(exporter.holds({ level: 'entries', index: 3, width: 256 })).toBe(true);
    expect(exporter.holds({ level: 'entries', index: 4, width: 256 })).toBe(false);
    expect(exporter.holds({ level: 1, index: 0, width: 256 })).toBe(false);
    expect(exporter.holds({ level: 0, index: 0, width: 7 })).toBe(false);
    expect(readdirSync(dir, { recursive: true }).filter((name) => path.basename(String(name)).startsWith('.'))).toEqual(
      [],
    );
  });

  it('goes on at its cursor after a restart, and begins anew in a folder that was emptied', async () => {
    const log = new FakeLog();
    log.size = 600;
    await exportAll(await log.exporter());
    log.read.length = 0;
    log.size = 900;
    await exportAll(await log.exporter());
    expect(log.read.filter(({ level, width }) => level === 'entries' && width === 256)).toHaveLength(1);

    rmSync(dir, { recursive: true });
    await exportAll(await log.exporter());
    expect(await readBack(900)).toBe(900);
  });

  it('removes the partial tiles of checkpoints of long ago', async () => {
    const log = new FakeLog();
    const exporter = await log.exporter();
    for (log.size = 1; log.size <= 40; log.size++) await exportAll(exporter);
    expect(readdirSync(path.join(dir, 'tile/entries/000.p'))).toHaveLength(16);
    log.size = 256;
    await exportAll(exporter);
    expect(await readBack(256)).toBe(256);
  });

  it('shows no checkpoint whose tiles it could not write, and catches up when there is room again', async () => {
    const folder = new FolderStorage(dir);
    let room = 7;
    const log = new FakeLog({
      name: folder.name,
      get: async (name) => folder.get(name),
      remove: async (names) => folder.remove(names),
      put: async (name, bytes) => {
        if (room-- <= 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        await folder.put(name, bytes);
      },
    });
    const exporter = await log.exporter();
    log.size = 100;
    await exportAll(exporter);
    log.size = 1_000;
    await expect(exportAll(exporter)).rejects.toThrow('no space left');
    await expect(exportAll(exporter)).rejects.toThrow('no space left');
    expect(await readBack(100)).toBe(100);
    expect(exporter.holds({ level: 'entries', index: 0, width: 256 })).toBe(false);
    room = Number.POSITIVE_INFINITY;
    await exportAll(exporter);
    expect(await readBack(1_000)).toBe(1_000);
  });
});
