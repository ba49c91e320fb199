import { escapeLiteral, type Client } from 'pg';
import { toHex } from '../../kernel/index.js';
import { unavailable } from './append-queue.js';
import { byteaArray, copyOfEntries, copyOfTiles } from './copy-buffer.js';
import { CopyIn } from './copy-in.js';
import type { Batch, BatchWriter, StagedBatch } from './ports.js';
import { RecentEntries } from './recent-entries.js';

const COPY_ENTRIES = 'COPY tlog.entries (idx, leaf_hash, data) FROM STDIN BINARY';
const COPY_TILES = 'COPY tlog.tiles (level, n, data) FROM STDIN BINARY';
/** What `tlog.move_fence` raises: serialization_failure. */
const FENCED = '40001';

/**
 * Writes batches over one connection, which it has to itself, in three round trips: which entries are known, the rows,
 * fence and COMMIT. After any error the connection is of no more use.
 */
export class PgBatchWriter implements BatchWriter {
  constructor(
    private readonly client: Client,
    private readonly recent = new RecentEntries(),
  ) {}

  async lookup(leafHashes: Uint8Array[]): Promise<Map<string, number>> {
    const { rows } = await this.client.query<{ leaf_hash: Buffer; idx: string }>({
      name: 'tlog-lookup',
      text: 'SELECT leaf_hash, idx FROM tlog.entries WHERE leaf_hash = ANY($1::bytea[])',
      values: [byteaArray(leafHashes)],
    });
    return new Map(rows.map((row) => [toHex(row.leaf_hash), Number(row.idx)]));
  }

  async stage({ from, entries, fullTiles, note }: Batch): Promise<StagedBatch> {
    const rows = copyOfEntries(from, entries);
    const copy =
      fullTiles.length === 0
        ? new CopyIn(`BEGIN; ${COPY_ENTRIES}`, [rows])
        : new CopyIn(`BEGIN; ${COPY_ENTRIES}; ${COPY_TILES}`, [rows, copyOfTiles(fullTiles)]);
    await this.client.query(copy).completed();
    return {
      commit: async () => {
        await this.commit(from, from + entries.length, note);
        this.recent.add(
          from,
          entries.map(({ data }) => data),
        );
      },
    };
  }

  /** In one message: if the fence raises, the server skips the COMMIT. */
  private async commit(from: number, size: number, note: string): Promise<void> {
    try {
      await this.client.query(`SELECT tlog.move_fence(${from}, ${size}, ${escapeLiteral(note)}); COMMIT`);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === FENCED)) throw error;
      await this.client.query('ROLLBACK');
      throw unavailable(`the log no longer has ${from} entries, another sequencer wrote`, error);
    }
  }
}
