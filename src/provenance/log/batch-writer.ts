import type { Client } from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { toHex } from '../../kernel/index.js';
import { unavailable } from './append-queue.js';
import { copyBuffer } from './copy-buffer.js';
import type { Batch, BatchWriter, StagedBatch } from './ports.js';

/** Writes batches over one connection, which it has to itself. After any error the connection is of no more use. */
export class PgBatchWriter implements BatchWriter {
  constructor(private readonly client: Client) {}

  async lookup(leafHashes: Uint8Array[]): Promise<Map<string, number>> {
    const { rows } = await this.client.query<{ leaf_hash: Buffer; idx: string }>({
      name: 'tlog-lookup',
      text: 'SELECT leaf_hash, idx FROM tlog.entries WHERE leaf_hash = ANY($1::bytea[])',
      values: [leafHashes],
    });
    return new Map(rows.map((row) => [toHex(row.leaf_hash), Number(row.idx)]));
  }

  async stage({ from, entries, fullTiles, note }: Batch): Promise<StagedBatch> {
    const rows = entries.map(({ data, leafHash }, i) => [{ int8: from + i }, leafHash, data]);
    const tiles = fullTiles.map(({ level, index, data }) => [{ int4: level }, { int8: index }, data]);
    await this.client.query('BEGIN');
    await this.copy('tlog.entries (idx, leaf_hash, data)', copyBuffer(rows));
    if (tiles.length > 0) await this.copy('tlog.tiles (level, n, data)', copyBuffer(tiles));
    return { commit: async () => this.commit(from, from + entries.length, note) };
  }

  private async commit(from: number, size: number, note: string): Promise<void> {
    const { rowCount } = await this.client.query({
      name: 'tlog-fence',
      text: `WITH fence AS (UPDATE tlog.log_state SET size = $1 WHERE size = $2 RETURNING size)
             INSERT INTO tlog.checkpoints (size, note) SELECT size, $3 FROM fence`,
      values: [size, from, note],
    });
    if (rowCount !== 1) {
      await this.client.query('ROLLBACK');
      throw unavailable(`the log no longer has ${from} entries, another sequencer wrote`);
    }
    await this.client.query('COMMIT');
  }

  private async copy(target: string, data: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      const stream = this.client.query(copyFrom(`COPY ${target} FROM STDIN BINARY`));
      stream.on('error', reject);
      stream.on('finish', resolve);
      stream.end(data);
    });
  }
}
