import { Injectable } from '@nestjs/common';
import { offerFromJson, offerToJson, type Address, type Bytes32, type OfferJson } from '../kernel/index.js';
import { DatabasePool, PrismaService } from '../platform/index.js';
import { toPage, type Page, type PageRequest } from '../platform/graphql/index.js';
import type { WatchedDataset } from '../storage/watch/index.js';
import { DATASET_COLUMNS, datasetFromRow, datasetToRow, type DatasetRow } from './dataset-row.js';
import type { Dataset, ListedOffer } from './dataset.js';
import type { Manifest, Terms } from './manifest.js';

const WATCHED_PAGE = 100;

/** Datasets are written through Prisma; lists are hot and read by prepared statements. */
@Injectable()
export class DatasetRepository {
  constructor(
    private readonly prisma: PrismaService,
    private readonly pool: DatabasePool,
  ) {}

  /**
   * Stores a listing whose record is in the log: the dataset, and its offer beside those it had before. Repeating it
   * changes nothing; of two offers for one dataset, the one further on in the log counts.
   */
  async save(dataset: Dataset, leafHash: string): Promise<void> {
    const row = datasetToRow(dataset, leafHash);
    const { keyId, offer, offerDigest, terms, logIndex, listedAt } = dataset;
    const listed = { keyId, offer: offerToJson(offer), terms, termsDigest: offer.termsDigest, logIndex, listedAt };
    await this.prisma.$transaction(async (tx) => {
      await tx.datasetOffer.createMany({ data: [{ digest: offerDigest, ...listed }], skipDuplicates: true });
      await tx.dataset.createMany({ data: [row], skipDuplicates: true });
      await tx.dataset.updateMany({ where: { keyId, logIndex: { lt: logIndex } }, data: row });
    });
  }

  async find(keyId: Bytes32): Promise<Dataset | undefined> {
    return (await this.findMany([keyId])).get(keyId);
  }

  async findMany(keyIds: readonly Bytes32[]): Promise<Map<Bytes32, Dataset>> {
    const rows = await this.select('datasets_by_key', 'WHERE key_id = ANY($1)', [keyIds]);
    return new Map(rows.map((row) => [row.key_id as Bytes32, datasetFromRow(row)]));
  }

  /** All listed versions of one dataset, oldest first. */
  async findVersions(seller: Address, datasetId: Bytes32): Promise<Dataset[]> {
    const where = 'WHERE seller = $1 AND dataset_id = $2 ORDER BY version';
    return (await this.select('datasets_versions', where, [seller.toLowerCase(), datasetId])).map(datasetFromRow);
  }

  /** Up to two datasets whose id lies between these bounds: enough to know whether a prefix is unique. */
  async findBetween(low: Bytes32, high: Bytes32): Promise<Dataset[]> {
    const rows = await this.select('datasets_between', 'WHERE key_id BETWEEN $1 AND $2 LIMIT 2', [low, high]);
    return rows.map(datasetFromRow);
  }

  /** Newest first. `search` matches whole words in their forms, and parts of words. */
  async search(search: string | undefined, page: PageRequest): Promise<Page<Dataset>> {
    const after = page.after ?? null;
    const pattern = search === undefined ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`;
    const [name, where, values] =
      search === undefined
        ? (['all', 'true', []] as const)
        : (['found', MATCHES, [search, pattern] as unknown[]] as const);
    const n = values.length;
    const place = `AND ($${n + 1}::bigint IS NULL OR seq < $${n + 1}) ORDER BY seq DESC LIMIT $${n + 2}`;
    const [rows, total] = await Promise.all([
      this.select(`datasets_${name}`, `WHERE ${where} ${place}`, [...values, after, page.first + 1]),
      this.pool.query<{ count: number }>({
        name: `datasets_${name}_count`,
        text: `SELECT count(*)::int AS count FROM datasets WHERE ${where}`,
        values: [...values],
      }),
    ]);
    return toPage(rows, page, total.rows[0]?.count ?? 0, (row) => BigInt(row.seq), datasetFromRow);
  }

  /** Every listed version, oldest first, with what the watch over its copies needs. */
  async *watched(): AsyncGenerator<WatchedDataset[]> {
    for (let after = 0n; ;) {
      const where = { seq: { gt: after } };
      const rows = await this.prisma.dataset.findMany({ where, orderBy: { seq: 'asc' }, take: WATCHED_PAGE });
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.seq;
      yield rows.map(({ keyId, datasetId, seller, manifest }) => ({
        keyId: keyId as Bytes32,
        datasetId: datasetId as Bytes32,
        seller: seller as Address,
        pieces: (manifest as unknown as Manifest).pieces.map(({ pieceCid, sizeBytes }) => ({ pieceCid, sizeBytes })),
      }));
    }
  }

  async findOffer(digest: Bytes32): Promise<ListedOffer | undefined> {
    const row = await this.prisma.datasetOffer.findUnique({ where: { digest } });
    if (row === null) return undefined;
    const offer = offerFromJson(row.offer as unknown as OfferJson);
    return { keyId: row.keyId as Bytes32, digest, offer, logIndex: row.logIndex };
  }

  async findManifest(digest: string): Promise<Manifest | undefined> {
    const row = await this.prisma.dataset.findFirst({ where: { manifestDigest: digest }, select: { manifest: true } });
    return row?.manifest as Manifest | undefined;
  }

  async findTerms(digest: Bytes32): Promise<Terms | undefined> {
    const row = await this.prisma.datasetOffer.findFirst({ where: { termsDigest: digest }, select: { terms: true } });
    return row?.terms as Terms | undefined;
  }

  private async select(name: string, rest: string, values: unknown[]): Promise<DatasetRow[]> {
    const text = `SELECT ${DATASET_COLUMNS} FROM datasets ${rest}`;
    return (await this.pool.query<DatasetRow>({ name, text, values })).rows;
  }
}

const MATCHES = `(to_tsvector('english', search_text) @@ websearch_to_tsquery('english', $1) OR search_text ILIKE $2)`;
