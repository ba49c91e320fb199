import type { Pool } from 'pg';
import { fromHex, toHex, type Hex } from '../../kernel/index.js';
import type { AnchorableCheckpoint } from '../ports.js';
import type { PublishedStore } from './ports.js';

/** Published checkpoints in the log's database. */
export class PgPublishedStore implements PublishedStore {
  constructor(private readonly pool: Pool) {}

  async newest(): Promise<AnchorableCheckpoint> {
    const { rows } = await this.pool.query<{ size: string; root: Buffer; note: string; signatures: Hex[] }>(
      'SELECT size, root, note, signatures FROM tlog.published ORDER BY size DESC LIMIT 1',
    );
    const [row] = rows;
    if (row === undefined) throw new Error('the log has no published checkpoint, not even that of no entries');
    return { size: Number(row.size), root: toHex(row.root), note: row.note, signatures: row.signatures };
  }

  async add({ size, root, note, signatures }: AnchorableCheckpoint): Promise<void> {
    await this.pool.query(
      `INSERT INTO tlog.published (size, root, note, signatures) VALUES ($1, $2, $3, $4)
       ON CONFLICT (size) DO UPDATE SET note = excluded.note, signatures = excluded.signatures`,
      [size, Buffer.from(fromHex(`0x${root}`)), note, signatures],
    );
  }
}
