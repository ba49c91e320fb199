import * as Piece from '@filoz/synapse-core/piece';
import { findPieceIdsByCidCall } from '@filoz/synapse-core/pdp-verifier';
import {
  getAllDataSetMetadataCall,
  getClientDataSets,
  parseAllDataSetMetadata,
} from '@filoz/synapse-core/warm-storage';
import { multicall } from 'viem/actions';
import type { Address, Bytes32 } from '../../../src/kernel/index.js';
import type { FocReader, FocSigner } from './foc-client.js';

/** Marks our data sets among a payer's. */
export const SOURCE = 'weighbridge';

/** Of one question about many pieces: some 120 of them. A node gives a call so much gas and time; viem would ask about four. */
const CALLDATA_BYTES = 32_768;

/** One copy of a dataset: the payer's data set at one provider. */
export interface PaidDataSet {
  dataSetId: bigint;
  providerId: bigint;
  clientDataSetId: bigint;
  railId: bigint;
  payer: Address;
  serviceProvider: Address;
  /** Epoch at which the service ends; 0 while it goes on. */
  endEpoch: bigint;
}

/** What a dataset's data sets are called on chain, at every provider; public. */
export function labelOf(dataset: Bytes32 | undefined): Record<string, string> {
  return dataset === undefined ? { source: SOURCE } : { source: SOURCE, dataset };
}

/**
 * The copies of a dataset, oldest first: the payer's data sets that carry its label. The chain is the register: a copy that a
 * repair made is found like the first two.
 */
export async function dataSetsOf(
  client: FocReader | FocSigner,
  payer: Address,
  dataset: Bytes32 | undefined,
): Promise<PaidDataSet[]> {
  const all = await getClientDataSets(client, { address: payer });
  if (all.length === 0) return [];
  const metadata = await multicall(client, {
    allowFailure: false,
    contracts: all.map(({ dataSetId }) => getAllDataSetMetadataCall({ chain: client.chain, dataSetId })),
  });
  const wanted = canonical(labelOf(dataset));
  return all
    .filter((_set, i) => canonical(parseAllDataSetMetadata(metadata[i] ?? [[], []])) === wanted)
    .map((set) => ({
      dataSetId: set.dataSetId,
      providerId: set.providerId,
      clientDataSetId: set.clientDataSetId,
      railId: set.pdpRailId,
      payer: set.payer,
      serviceProvider: set.serviceProvider,
      endEpoch: set.pdpEndEpoch,
    }))
    .toSorted((a, b) => Number(a.dataSetId - b.dataSetId));
}

/** Which of these pieces the chain does not list in a data set, asked at once. */
export async function notListed(
  client: FocReader | FocSigner,
  dataSetId: bigint,
  pieceCids: readonly string[],
): Promise<string[]> {
  if (pieceCids.length === 0) return [];
  const { chain } = client;
  const listed = await multicall(client, {
    allowFailure: false,
    batchSize: CALLDATA_BYTES,
    contracts: pieceCids.map((text) => findPieceIdsByCidCall({ chain, dataSetId, pieceCid: Piece.parse(text) })),
  });
  return pieceCids.filter((_pieceCid, i) => listed[i]?.length === 0);
}

function canonical(metadata: Record<string, string>): string {
  return JSON.stringify(Object.entries(metadata).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
