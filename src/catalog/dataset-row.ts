import type { Prisma } from '../generated/prisma/client.js';
import { offerFromJson, offerToJson, type Address, type Bytes32, type Hex, type OfferJson } from '../kernel/index.js';
import type { Dataset } from './dataset.js';
import type { Manifest, Terms } from './manifest.js';

/** What a list needs of a row; `pg` gives it in this form. */
export interface DatasetRow {
  seq: string;
  key_id: string;
  seller: string;
  manifest: unknown;
  manifest_digest: string;
  terms: unknown;
  offer: unknown;
  offer_digest: string;
  offer_signature: string;
  log_index: number;
  listed_at: Date;
}
export const DATASET_COLUMNS =
  'seq, key_id, seller, manifest, manifest_digest, terms, offer, offer_digest, offer_signature, log_index, listed_at';

/** Only `datasetToRow` writes these columns, so their shapes are taken as written. */
export function datasetFromRow(row: DatasetRow): Dataset {
  return {
    keyId: row.key_id as Bytes32,
    seller: row.seller as Address,
    manifest: row.manifest as Manifest,
    manifestDigest: row.manifest_digest,
    terms: row.terms as Terms,
    offer: offerFromJson(row.offer as OfferJson),
    offerDigest: row.offer_digest as Bytes32,
    offerSignature: row.offer_signature as Hex,
    logIndex: row.log_index,
    listedAt: row.listed_at,
  };
}

export function datasetToRow(dataset: Dataset, leafHash: string): Prisma.DatasetUncheckedCreateInput {
  const { manifest, terms, offer } = dataset;
  return {
    keyId: dataset.keyId,
    datasetId: offer.datasetId,
    version: offer.version,
    seller: dataset.seller,
    title: manifest.title,
    description: manifest.description,
    tags: manifest.tags,
    columnNames: manifest.columns.map((column) => column.name),
    label: manifest.label ?? null,
    rowCount: manifest.rowCount,
    priceWei: offer.price.toString(),
    operators: offer.operators.map((operator) => operator.toLowerCase()),
    manifest: manifest satisfies object,
    manifestDigest: dataset.manifestDigest,
    terms,
    termsDigest: offer.termsDigest,
    offer: offerToJson(offer),
    offerDigest: dataset.offerDigest,
    offerSignature: dataset.offerSignature,
    logIndex: dataset.logIndex,
    leafHash,
    listedAt: dataset.listedAt,
    searchText: searchTextOf(manifest),
  };
}

/** One line a part: a search for words of two parts finds both, one for a phrase stays within a part. */
function searchTextOf({ title, description, tags, columns }: Manifest): string {
  return [title, ...tags, description, columns.map((column) => column.name).join(' ')].join('\n');
}
