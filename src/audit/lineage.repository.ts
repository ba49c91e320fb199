import { Injectable } from '@nestjs/common';
import type { LogRecord as LogRecordRow } from '../generated/prisma/client.js';
import { DatabasePool } from '../platform/index.js';
import { toPage, type Page, type PageRequest } from '../platform/graphql/index.js';
import type { IndexedRecord } from '../provenance/index.js';
import { fromRow } from './record.repository.js';

const COLUMNS = `r.index, r.type, r.leaf_hash AS "leafHash", r.key_id AS "keyId", r.sequence, r.order_id AS "orderId", r.licence,
  r.weights, r.initial_weights AS "initialWeights", r.actor, r.at`;

/**
 * Models and what they were trained from: a completion that began with the weights of another is an edge. Depth is not
 * bounded; UNION drops what was seen, so a circle (which takes a SHA-256 collision, or a log that lies) ends too.
 */
@Injectable()
export class LineageRepository {
  constructor(private readonly pool: DatabasePool) {}

  /** The completions that made these weights, and those of every model before them; newest first. */
  async ancestors(weights: string, page: PageRequest): Promise<Page<IndexedRecord>> {
    return this.page(
      'lineage_up',
      `WITH RECURSIVE line(index, initial_weights) AS (
         SELECT index, initial_weights FROM log_records WHERE weights = $1
         UNION
         SELECT r.index, r.initial_weights FROM line l JOIN log_records r ON r.weights = l.initial_weights)
       SELECT ${COLUMNS} FROM log_records r
       WHERE r.index IN (SELECT index FROM line) AND ($2::bigint IS NULL OR r.index < $2) ORDER BY r.index DESC LIMIT $3`,
      weights,
      page,
    );
  }

  /** The completions of every model that began with these weights, or with one that did; oldest first. */
  async descendants(weights: string, page: PageRequest): Promise<Page<IndexedRecord>> {
    return this.page(
      'lineage_down',
      `WITH RECURSIVE line(index, weights) AS (
         SELECT index, weights FROM log_records WHERE initial_weights = $1
         UNION
         SELECT r.index, r.weights FROM line l JOIN log_records r ON r.initial_weights = l.weights)
       SELECT ${COLUMNS} FROM log_records r
       WHERE r.index IN (SELECT index FROM line) AND ($2::bigint IS NULL OR r.index > $2) ORDER BY r.index LIMIT $3`,
      weights,
      page,
    );
  }

  private async page(name: string, text: string, weights: string, page: PageRequest): Promise<Page<IndexedRecord>> {
    const values = [weights, page.after ?? null, page.first + 1];
    const { rows } = await this.pool.query<LogRecordRow>({ name, text, values });
    return toPage(rows, page, 0, (row) => row.index, fromRow);
  }
}
