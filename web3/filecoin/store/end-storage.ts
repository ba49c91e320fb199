import { getActivePieces } from '@filoz/synapse-core/pdp-verifier';
import * as SP from '@filoz/synapse-core/sp';
import { getPDPProvidersByIds } from '@filoz/synapse-core/sp-registry';
import { terminateService } from '@filoz/synapse-core/warm-storage';
import type { PaidDataSet } from './dataset-label.js';
import type { FocSigner } from './foc-client.js';
import { mined } from './provider-calls.js';

/** What became of one copy when its dataset was delisted. */
export interface EndedCopy {
  dataSetId: number;
  providerId: number;
  /** Pieces that the provider took the request to delete for. */
  deleting: number;
  /** Pieces that it was asked for in vain: the service ends all the same, and with it its pay. */
  refused: number;
}

const PAGE = 100n;

/**
 * Asks the provider to delete every piece, and ends the service, which stops the rail: the provider is paid for the notice
 * period and not a day longer. Only the payer's wallet can do this. Does nothing for a service that has ended.
 */
export async function endStorage(signer: FocSigner, set: PaidDataSet): Promise<EndedCopy> {
  const ended = { dataSetId: Number(set.dataSetId), providerId: Number(set.providerId), deleting: 0, refused: 0 };
  if (set.endEpoch !== 0n) return ended;
  const [provider] = await getPDPProvidersByIds(signer, { providerIds: [set.providerId] });
  for (const pieceId of await pieceIdsOf(signer, set.dataSetId)) {
    const { dataSetId, clientDataSetId } = set;
    const serviceURL = provider?.pdp.serviceURL ?? '';
    const taken = await SP.schedulePieceDeletion(signer, { serviceURL, dataSetId, clientDataSetId, pieceId }).then(
      async ({ hash }) => mined(signer, hash).then(() => true),
      () => false,
    );
    if (taken) ended.deleting++;
    else ended.refused++;
  }
  await mined(signer, await terminateService(signer, { dataSetId: set.dataSetId }));
  return ended;
}

async function pieceIdsOf(signer: FocSigner, dataSetId: bigint): Promise<bigint[]> {
  const ids: bigint[] = [];
  for (let offset = 0n; ; offset += PAGE) {
    const { pieces, hasMore } = await getActivePieces(signer, { dataSetId, offset, limit: PAGE });
    ids.push(...pieces.map(({ id }) => id));
    if (!hasMore) return ids;
  }
}
