import type { Pool } from 'pg';
import { sameBytes, WeighbridgeError, type LogKeys } from '../../kernel/index.js';
import type { Edge } from '../tiles/edge.js';
import { parseTilePath } from '../tiles/tile-path.js';
import { verifyCheckpoint } from '../verify/checkpoint.js';
import { CheckpointPublisher } from './checkpoint-publisher.js';
import { Connections } from './connections.js';
import { ExportCursor } from './export/export-cursor.js';
import type { TileStorage } from './export/storage.js';
import { TileExporter } from './export/tile-exporter.js';
import { LeafFilter } from './leaf-filter.js';
import { LogReader } from './log-reader.js';
import type { Cosigner, NoteSigner, ReadAnchor, WitnessGuard } from './ports.js';
import { PgPublishedStore } from './published-store.js';
import { RecentEntries } from './recent-entries.js';
import { migrate } from './schema.js';
import { Sequencer, type CommittedHead, type SequencerEvents, type SequencerOptions } from './sequencer.js';
import { assertExtendsAnchor } from './startup-guard.js';

export interface SessionOptions extends SequencerOptions {
  databaseUrl: string;
  signer: NoteSigner & { readonly vkey: string };
  readAnchor: ReadAnchor;
  /** The log's keys by size, the one in use last. */
  logKeys: LogKeys;
  cosigner: Cosigner & WitnessGuard;
  /** Checkpoints wait for the cosigner; appends go on. */
  onWaiting(error: unknown): void;
  /** Pause between checkpoints while there is something new. */
  checkpointMs: number;
  /** Where full tiles go, and are served from; without it everything is served from the database. */
  storage?: TileStorage;
  /** Files cannot be written; appends go on. */
  onExportError(error: unknown): void;
  /** Batches on their way at once. */
  depth: number;
  events: SequencerEvents;
  /** Highest size that this process has ever answered for: a database that fell behind it has lost commits. */
  floor: number;
}

/** One life of the sequencer: from taking the lock to the first failure. */
export class LogSession {
  private constructor(
    readonly sequencer: Sequencer,
    readonly publisher: CheckpointPublisher,
    readonly exporter: TileExporter | undefined,
    readonly reader: LogReader,
    private readonly connections: Connections,
  ) {}

  /**
   * Waits for the lock, reads where the log stands, and starts to sequence.
   * @throws WeighbridgeError LOG_BEHIND_ANCHOR, LOG_BEHIND_WITNESS, CONFIG_INVALID, PROOF_INVALID: final. Anything else may be tried again.
   */
  static async open(options: SessionOptions, signal: AbortSignal): Promise<LogSession> {
    const connections = new Connections(options.databaseUrl);
    try {
      await connections.lock(signal);
      await migrate(connections.holder);
      await assertDurable(connections.pool);
      const recent = new RecentEntries();
      const reader = new LogReader(connections.pool, recent);
      const head = await readHead(reader, connections.pool, options);
      await assertNoneAhead(reader, head, options.cosigner);
      const writers = await connections.writers(options.depth, recent);
      const known = new LeafFilter();
      const sequencer = new Sequencer(head, writers, known, options.signer, options, options.events);
      const { cosigner, onWaiting } = options;
      const store = new PgPublishedStore(connections.pool);
      const committed = (): CommittedHead => sequencer.committed;
      const publisher = await CheckpointPublisher.open({ committed, reader, cosigner, store, onWaiting });
      const exporter = await openExporter(options, { reader, sequencer, publisher, pool: connections.pool });
      sequencer.start();
      publisher.start(options.checkpointMs);
      exporter?.start();
      void fill(known, reader, head.edge);
      return new LogSession(sequencer, publisher, exporter, reader, connections);
    } catch (error) {
      await connections.close();
      throw error;
    }
  }

  /** Rejects when the sequencer failed or the lock's connection broke. */
  async untilFailure(): Promise<never> {
    return Promise.race([this.sequencer.untilFailure(), this.connections.lost.promise]);
  }

  async close(): Promise<void> {
    await Promise.all([this.publisher.stop(), this.exporter?.stop()]);
    await this.connections.close();
  }
}

/** Beside the first appends, each of which asks the database until this is done. */
async function fill(known: LeafFilter, reader: LogReader, edge: Edge): Promise<void> {
  try {
    for await (const leafHash of reader.leafHashes(edge)) known.add(leafHash);
    known.markComplete();
  } catch {
    // Then the filter rules nothing out, and the index answers.
  }
}

async function openExporter(
  { storage, onExportError }: SessionOptions,
  parts: { reader: LogReader; sequencer: Sequencer; publisher: CheckpointPublisher; pool: Pool },
): Promise<TileExporter | undefined> {
  if (storage === undefined) return undefined;
  const { reader, sequencer, publisher, pool } = parts;
  return TileExporter.open({
    reader,
    edge: () => sequencer.committed.edge,
    published: () => publisher.published,
    storage,
    cursor: new ExportCursor(pool, storage.name),
    onError: onExportError,
  });
}

/** Where the log stands, found intact and ahead of the anchor. Makes the first checkpoint, of no entries, if there is none. */
async function readHead(reader: LogReader, pool: Pool, options: SessionOptions): Promise<CommittedHead> {
  const { signer } = options;
  const state = await reader.state();
  if (state && state.origin !== signer.origin) {
    throw new WeighbridgeError(
      'CONFIG_INVALID',
      `the database is of log ${state.origin}, LOG_ORIGIN is ${signer.origin}`,
      {
        next: 'Point DATABASE_URL at the database of this log, or set its LOG_ORIGIN.',
      },
    );
  }
  const size = state?.size ?? 0;
  const edge = await reader.edge(size);
  await assertExtendsAnchor(reader, edge, await options.readAnchor());
  if (size < options.floor) {
    throw new WeighbridgeError(
      'LOG_BEHIND_ANCHOR',
      `the database has ${size} entries, ${options.floor} were answered for`,
      {
        next: 'Restore the replica or backup that has them; commits were lost in a failover.',
      },
    );
  }
  if (state) return { edge, note: checkedNote(state.note, edge, options) };
  const note = signer.sign(0, edge.root());
  await pool.query(
    `WITH first AS (INSERT INTO tlog.checkpoints (size, note) VALUES (0, $1)),
     shown AS (INSERT INTO tlog.published (size, root, note, signatures) VALUES (0, $3, $1, '{}'))
     INSERT INTO tlog.log_state (origin, size) VALUES ($2, 0)`,
    [note, signer.origin, Buffer.from(edge.root())],
  );
  return { edge, note };
}

/** The stored checkpoint must be over the stored tree, and by our key. After a change of key it is signed anew. */
function checkedNote(note: string | undefined, edge: Edge, { signer, logKeys }: SessionOptions): string {
  const trust = { log: { origin: signer.origin, vkeys: logKeys }, witnesses: { quorum: 0, vkeys: [] } };
  const checkpoint = verifyCheckpoint(note ?? '', trust);
  if (note === undefined || !sameBytes(checkpoint.root, edge.root())) {
    throw new WeighbridgeError('PROOF_INVALID', 'the entries in the database are not those of its newest checkpoint', {
      next: 'Restore an intact copy of the log’s database; do not repair it by hand.',
    });
  }
  const fromSize = logKeys.at(-1)?.fromSize ?? 0;
  if (edge.size < fromSize) {
    throw new WeighbridgeError(
      'CONFIG_INVALID',
      `the key is in use from ${fromSize} entries on, the log has ${edge.size}`,
      {
        next: 'Put the size at which the old key signed last into network.json (log.vkeys).',
      },
    );
  }
  return signer.sign(edge.size, edge.root());
}

async function assertNoneAhead(reader: LogReader, { edge, note }: CommittedHead, guard: WitnessGuard): Promise<void> {
  const tile = async (path: string): Promise<Uint8Array> => reader.tile(parseTilePath(path), edge);
  await guard.assertNoneAhead({ size: edge.size, root: edge.root(), note }, tile);
}

async function assertDurable(pool: Pool): Promise<void> {
  for (const setting of ['fsync', 'full_page_writes']) {
    const { rows } = await pool.query<Record<string, string>>(`SHOW ${setting}`);
    if (rows[0]?.[setting] === 'on') continue;
    throw new WeighbridgeError(
      'CONFIG_INVALID',
      `PostgreSQL runs with ${setting} off: it would lose what it answered`,
      {
        next: `Set ${setting} = on and restart PostgreSQL.`,
      },
    );
  }
}
