import { offerFromJson, type Deployed } from '../../kernel/index.js';
import type { Manifest, Terms } from '../../catalog/manifest.js';
import { datasetListedRecord, FIRST_POSITION, parseEntry, sealRecord } from '../../provenance/index.js';
import type { CopyRef } from '../../storage/index.js';
import type { MarketApi } from '../api/market-api.js';
import type { Account } from '../ports.js';
import type { Journal, Offered } from './journal.js';

/**
 * Lists the dataset with the marketplace, which appends the seller's own signed `dataset-listed` record to the log. Time and
 * signature come from the journal, so a repeat makes the same record and the log answers with the first index.
 */
export async function listDataset(
  api: Pick<MarketApi, 'listDataset'>,
  market: Deployed,
  account: Account,
  manifest: Manifest,
  terms: Terms,
  offered: Offered & { copies: CopyRef[] },
): Promise<NonNullable<Journal['listed']>> {
  const record = datasetListedRecord(market, {
    offer: offerFromJson(offered.offer),
    offerSignature: offered.signature,
    pieces: manifest.pieces,
    copies: offered.copies,
    // A version is published once, and its listing is its first record.
    position: FIRST_POSITION,
    listedAt: new Date(offered.listedAt),
  });
  const { envelope } = parseEntry(await sealRecord({ ...record, signer: account }));
  return api.listDataset({ manifest, terms, offer: offered.offer, offerSignature: offered.signature, envelope });
}
