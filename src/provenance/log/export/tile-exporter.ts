import { utf8 } from '../../../kernel/index.js';
import type { AnchorableCheckpoint } from '../../ports.js';
import { Poller, type Found } from '../../poller.js';
import type { Edge } from '../../tiles/edge.js';
import { levelSize, TILE_WIDTH, tilePath, tileWidth, type TileName } from '../../tiles/tile-path.js';
import type { LogReader } from '../log-reader.js';
import type { ExportCursor } from './export-cursor.js';
import type { TileStorage } from './storage.js';

const POLL_MS = 1_000;
/** Between two moves of the cursor: what is written again after a crash, at most. */
const BUNDLES_A_STEP = 32;
const IN_FLIGHT = 4;
/** Checkpoints whose partial tiles stay: a reader may still be at work on an older one. */
const CHECKPOINTS_KEPT = 16;

export interface ExporterDeps {
  reader: Pick<LogReader, 'tile'>;
  /** Of all that is committed: at least of what is published. */
  edge(): Edge;
  published(): AnchorableCheckpoint;
  storage: TileStorage;
  cursor: Pick<ExportCursor, 'read' | 'move'>;
  /** A full disk, an absent bucket: appends go on, reads come from the database, and the step is tried again. */
  onError(error: unknown): void;
}

/**
 * Follows the published checkpoints and leaves a complete tlog-tiles tree in a folder or bucket: every full tile and entry
 * bundle once, then the partial tiles of the newest checkpoint, then that checkpoint. So readers need neither this process
 * nor its database, and whatever dies in between, the checkpoint that is there has all its tiles.
 */
export class TileExporter {
  private readonly loop: Poller;
  private bundles = 0;
  private note: string | undefined;
  private stopping = false;
  /** Partial tiles of each of the newest checkpoints, oldest first. */
  private readonly partials: string[][] = [];

  private constructor(private readonly deps: ExporterDeps) {
    this.loop = new Poller(
      async () => this.step(),
      { everyMs: POLL_MS },
      (error) => {
        if (!this.stopping) deps.onError(error);
      },
    );
  }

  static async open(deps: ExporterDeps): Promise<TileExporter> {
    const exporter = new TileExporter(deps);
    exporter.bundles = await deps.cursor.read();
    return exporter;
  }

  start(): void {
    this.loop.start();
  }

  /** Waits for the files in hand, not for the step: the sequencer's next life waits for this. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.loop.stop();
  }

  /** Whether a tile is in the storage for good. */
  holds({ level, index, width }: TileName): boolean {
    const tiles = level === 'entries' ? this.bundles : levelSize(this.bundles, level);
    return width === TILE_WIDTH && index < tiles;
  }

  async step(): Promise<Found> {
    const { size, note } = this.deps.published();
    const full = Math.floor(size / TILE_WIDTH);
    if (this.bundles < full) {
      await this.exportFull(Math.min(full, this.bundles + BUNDLES_A_STEP));
      return 'more';
    }
    if (this.note === note) return 'nothing';
    await this.startOverIfEmptied();
    await this.exportCheckpoint(size, note);
    return 'some';
  }

  /** Bundles and hash tiles up to `bundles`, and what they complete above. */
  private async exportFull(bundles: number): Promise<void> {
    const names: TileName[] = [];
    const add = (level: TileName['level'], from: number, to: number): void => {
      for (let index = from; index < to; index++) names.push({ level, index, width: TILE_WIDTH });
    };
    add('entries', this.bundles, bundles);
    for (let level = 0; levelSize(bundles, level) > 0; level++) {
      add(level, levelSize(this.bundles, level), levelSize(bundles, level));
    }
    await this.write(names);
    await this.deps.cursor.move(bundles);
    this.bundles = bundles;
  }

  private async exportCheckpoint(size: number, note: string): Promise<void> {
    const { storage } = this.deps;
    const names = partialTiles(size);
    await this.write(names);
    await storage.put('checkpoint', utf8(note));
    this.note = note;
    this.partials.push(names.map(tilePath));
    const old = this.partials.length > CHECKPOINTS_KEPT ? (this.partials.shift() ?? []) : [];
    const kept = new Set(this.partials.flat());
    await storage.remove(old.filter((path) => !kept.has(path)));
  }

  private async write(names: TileName[]): Promise<void> {
    const { reader, storage, edge } = this.deps;
    const tree = edge();
    const left = names.slice();
    const lane = async (): Promise<void> => {
      for (let name = left.shift(); name !== undefined; name = left.shift()) {
        if (this.stopping) throw new Error('the exporter is stopping');
        await storage.put(tilePath(name), await reader.tile(name, tree));
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  }

  /** The cursor may outlive its folder: what it counts is made again. */
  private async startOverIfEmptied(): Promise<void> {
    if (this.bundles === 0) return;
    const newest = tilePath({ level: 'entries', index: this.bundles - 1, width: TILE_WIDTH });
    if ((await this.deps.storage.get(newest)) !== undefined) return;
    this.bundles = 0;
    await this.deps.cursor.move(0);
    while (this.bundles < Math.floor(this.deps.published().size / TILE_WIDTH)) await this.step();
  }
}

/** The partial tiles, and the partial bundle, of a tree of `size` entries. */
function partialTiles(size: number): TileName[] {
  const names: TileName[] = [];
  const add = (level: TileName['level'], index: number): void => {
    const width = tileWidth(size, level, index);
    if (width > 0) names.push({ level, index, width });
  };
  add('entries', Math.floor(size / TILE_WIDTH));
  for (let level = 0; levelSize(size, level) > 0; level++) add(level, Math.floor(levelSize(size, level) / TILE_WIDTH));
  return names;
}
